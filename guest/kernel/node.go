package kernel

// Nodes of the file system, which is in memory. What the image's archive has
// becomes nodes when it is first looked at; the contents of its files stay
// where they are until they are written to.

// Types of a file in a mode.
const (
	modeType    = 0o170000
	modeFIFO    = 0o010000
	modeChar    = 0o020000
	modeDir     = 0o040000
	modeBlock   = 0o060000
	modeRegular = 0o100000
	modeLink    = 0o120000
	modeSocket  = 0o140000

	modePerm    = 0o7777
	modeExecute = 0o111
)

// maxLinks bounds the names of a file and the folders of a folder.
const maxLinks = 1 << 30

// node is a file, directory, symbolic link or special file.
type node struct {
	mode     uint32
	links    uint32 // names; of a directory 2 + directories in it, 0 once it is removed
	refs     uint32 // open files, and being the current directory
	uid, gid uint32
	height   uint32 // of tree
	ino      uint64
	size     int64

	accessed, modified, changed timespec

	// Contents of a file, or the target of a link: pages at tree, and below
	// packedSize what is at packed in the archive.
	tree       uintptr
	packed     uintptr
	packedSize int64
	pages      int64 // in tree

	// A directory: its entries in the order they were made, where its own
	// entry is (0 for the root and for one that was removed), and the number of
	// its archive node with its children, if they are not entries yet.
	first, last uintptr // *entry
	entry       uintptr // *entry
	count       int     // entries
	cookie      int64   // of the last entry made
	removals    uint64  // entries removed so far
	unpack      uint32

	device uint64 // which a special file is
}

var (
	nodeCache cache[node]
	lastIno   uint64
)

// newNode returns a node without names; nil when there is no room for one.
func newNode(mode uint32) *node {
	if !charge(nodeCost) {
		return nil
	}
	n := nodeCache.get()
	if n == nil {
		refund(nodeCost)
		return nil
	}
	lastIno++
	storage.nodes++
	n.mode, n.ino = mode, lastIno
	n.touch()
	n.accessed = n.modified
	if mode&modeType == modeDir {
		n.links, n.cookie = 2, cookieFirst
	}
	return n
}

// drop frees a node that has neither names nor users.
func (n *node) drop() {
	if n.links != 0 || n.refs != 0 {
		return
	}
	n.truncate(0)
	nodeCache.put(n)
	storage.nodes--
	refund(nodeCost)
}

func (n *node) unref() {
	n.refs--
	n.drop()
}

// unlink is the end of a name.
func (n *node) unlink() {
	n.links--
	n.changed = now()
	n.drop()
}

func (n *node) isDir() bool     { return n.mode&modeType == modeDir }
func (n *node) isLink() bool    { return n.mode&modeType == modeLink }
func (n *node) isRegular() bool { return n.mode&modeType == modeRegular }

// target is that of a symbolic link; its length was bounded when it was made.
func (n *node) target() []byte {
	if n.tree != 0 {
		return bytesAt(n.tree, uintptr(n.size))
	}
	return bytesAt(n.packed, uintptr(n.size))
}

func now() timespec {
	t := walltime()
	return timespec{t / second, t % second}
}

// touch notes a change of the contents.
func (n *node) touch() {
	n.changed = now()
	n.modified = n.changed
}

// stat describes the node.
func (n *node) stat(buf uintptr) int64 {
	const fileSystem = 1
	*at[stat](buf) = stat{
		dev: fileSystem, ino: n.ino, nlink: uint64(n.links), mode: n.mode, uid: n.uid, gid: n.gid, rdev: n.device,
		size: n.size, blksize: pageSize, blocks: n.pages * (pageSize / 512),
		accessed: n.accessed, modified: n.modified, changed: n.changed,
	}
	return 0
}
