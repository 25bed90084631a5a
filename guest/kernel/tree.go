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
	if dev := root.ensureDir("dev", 0o755); dev != nil {
		dev.ensureDevice("null", 0o666, specialNull)
		dev.ensureDevice("zero", 0o666, specialZero)
		dev.ensureDevice("full", 0o666, specialFull)
		dev.ensureDevice("random", 0o666, specialRandom)
		dev.ensureDevice("urandom", 0o666, specialUrandom)
		dev.ensureDevice("console", 0o600, specialConsole)
		dev.ensureDevice("stdin", 0o600, specialConsole)
		dev.ensureDevice("stdout", 0o600, specialConsole)
		dev.ensureDevice("stderr", 0o600, specialConsole)
	}
	if etc := root.ensureDir("etc", 0o755); etc != nil {
		etc.ensureText("passwd", modeRegular|0o644, stringBytes(users))
		etc.ensureText("group", modeRegular|0o644, stringBytes(groups))
	}
	if proc := root.ensureDir("proc", 0o555); proc != nil {
		if self := proc.ensureDir("self", 0o555); self != nil {
			programPath[0] = '/'
			self.ensureText("exe", modeLink|0o777, programPath[:1+copy(programPath[1:], Program)])
		}
	}
	root.ensureDir("tmp", 0o1777)
	return true
}

// There is one user, who has no shell.
const (
	users  = "root:x:0:0:root:/:/bin/false\n"
	groups = "root:x:0:\n"
)

// programPath is where /proc/self/exe leads: os.Executable.
var programPath [256]byte

// ensure gives the directory a node unless it has that name; it returns what
// has the name then, or nil.
func (dir *node) ensure(name string, mode uint32) *node {
	if dir.load() != 0 {
		return nil
	}
	b := stringBytes(name)
	if e := dir.lookup(b); e != nil {
		return at[node](e.node)
	}
	n := newNode(mode)
	if n == nil {
		return nil
	}
	if dir.insert(b, n, true) != 0 {
		n.links = 0
		n.drop()
		return nil
	}
	return n
}

// ensureDir returns nil if there is no directory of this name.
func (dir *node) ensureDir(name string, perm uint32) *node {
	n := dir.ensure(name, modeDir|perm)
	if n == nil || !n.isDir() {
		return nil
	}
	return n
}

func (dir *node) ensureDevice(name string, perm uint32, device uint64) {
	if n := dir.ensure(name, modeChar|perm); n != nil && n.mode == modeChar|perm {
		n.device = device
	}
}

// ensureText makes a file or link whose contents lie elsewhere, like those of
// the archive.
func (dir *node) ensureText(name string, mode uint32, text []byte) {
	if n := dir.ensure(name, mode); n != nil && n.mode == mode && n.packed == 0 {
		n.packed, n.packedSize, n.size = addrOf(&text[0]), int64(len(text)), int64(len(text))
	}
}
