package kernel

import "tender/abi"

// The tree as a program finds it: the archive of the image, and what every
// program expects beside it.

// Special files, by their device numbers on Linux: the minor ones of major 1,
// and the console.
const (
	specialNull    = 1<<8 | 3
	specialZero    = 1<<8 | 5
	specialFull    = 1<<8 | 7
	specialRandom  = 1<<8 | 8
	specialUrandom = 1<<8 | 9
	specialConsole = 5<<8 | 1
)

// treeReady makes the tree when it is first needed; false if there is no
// memory for it.
func treeReady() bool {
	return names.buckets != 0 || makeTree()
}

func makeTree() bool {
	if !namesInit() {
		return false
	}
	storageInit()
	lastIno = 1
	root = node{mode: modeDir | 0o755, links: 2, refs: 2, ino: 1, cookie: cookieFirst}
	workDir = addrOf(&root)
	root.touch()
	root.accessed = root.modified
	if archive[0] != abi.ArchiveNone {
		if openArchive() != nil {
			a := archiveNode(0)
			root.mode = modeDir | a.Mode&modePerm
			root.unpackFrom(a, 0)
		}
		root.unpack = 1
		if root.load() != 0 {
			return true // every path will say so
		}
	}
	if dev := root.ensure("dev", modeDir|0o755, 0); dev != nil {
		dev.ensure("null", modeChar|0o666, specialNull)
		dev.ensure("zero", modeChar|0o666, specialZero)
		dev.ensure("full", modeChar|0o666, specialFull)
		dev.ensure("random", modeChar|0o666, specialRandom)
		dev.ensure("urandom", modeChar|0o666, specialUrandom)
		dev.ensure("console", modeChar|0o600, specialConsole)
		dev.ensure("stdin", modeChar|0o600, specialConsole)
		dev.ensure("stdout", modeChar|0o600, specialConsole)
		dev.ensure("stderr", modeChar|0o600, specialConsole)
	}
	if proc := root.ensure("proc", modeDir|0o555, 0); proc != nil {
		if self := proc.ensure("self", modeDir|0o555, 0); self != nil {
			self.ensure("exe", modeLink|0o777, 0)
		}
	}
	root.ensure("tmp", modeDir|0o1777, 0)
	root.ensure("etc", modeDir|0o755, 0)
	return true
}

// programPath is where /proc/self/exe leads: os.Executable.
var programPath [256]byte

func setProgramPath() int64 {
	programPath[0] = '/'
	return int64(1 + copy(programPath[1:], Program))
}

// ensure gives the directory a file unless it has that name; it returns the
// node if it is a directory. A link leads to programPath.
func (dir *node) ensure(name string, mode uint32, device uint64) *node {
	if dir.load() != 0 {
		return nil
	}
	b := stringBytes(name)
	if e := dir.lookup(b); e != nil {
		if n := at[node](e.node); n.isDir() {
			return n
		}
		return nil
	}
	n := newNode(mode)
	if n == nil {
		return nil
	}
	n.device = device
	if n.isLink() {
		n.packed, n.size = addrOf(&programPath), setProgramPath()
	}
	if dir.insert(b, n, true) != 0 {
		n.links = 0
		n.drop()
		return nil
	}
	return n
}
