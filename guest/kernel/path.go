package kernel

// From paths to nodes.

const (
	pathMax  = 4096
	maxJumps = 40               // symbolic links in one path
	atCWD    = ^uintptr(0) - 99 // AT_FDCWD
)

// Ways to walk.
const (
	walkFollow   = 1 << iota // the last name may be a symbolic link: follow it
	walkName                 // the last name is what matters: never follow it, even before a slash
	walkExisting             // a last name that is not there is ENOENT
	walkCreate               // a last name before a slash is EISDIR
)

// place is where a path leads. It lives on the stack only.
type place struct {
	// node is nil if the last name does not exist. dir is where it does or
	// would: nil if the path ends in ".", ".." or is the root.
	dir, node *node
	name      []byte // in the program's memory, or in the target of a link
	slash     bool   // after the name
}

var (
	root    node    // refs is never 0
	workDir uintptr // *node
	// remainders are what is left of paths in which symbolic links were met.
	remainders [maxJumps]struct{ address, len uintptr }
	// currentPath is where getcwd puts a path together.
	currentPath [pathMax]byte
)

// userPath is a path of the program, nil if it is too long.
func userPath(path uintptr) []byte {
	p := cstring(path, pathMax)
	if len(p) == pathMax {
		return nil
	}
	return p
}

// startOf is the directory that a path begins at.
func startOf(dirfd uintptr, path []byte) (*node, int64) {
	switch {
	case len(path) == 0:
		return nil, eNOENT
	case path[0] == '/':
		return &root, 0
	case uint32(dirfd) == uint32(atCWD&0xffffffff):
		return at[node](workDir), 0
	}
	f := fileAt(uintptr(uint32(dirfd)))
	switch {
	case f == nil:
		return nil, eBADF
	case f.kind != fileDirectory:
		return nil, eNOTDIR
	}
	return at[node](f.object), 0
}

// walk resolves a path of the program.
func walk(dirfd, path uintptr, how int) (place, int64) {
	if !treeReady() {
		return place{}, eNOMEM
	}
	p := userPath(path)
	if p == nil {
		return place{}, eNAMETOOLONG
	}
	dir, e := startOf(dirfd, p)
	if e != 0 {
		return place{}, e
	}
	return walkFrom(dir, p, how)
}

// walkFrom resolves a path that begins in a directory.
func walkFrom(dir *node, path []byte, how int) (place, int64) {
	jumps, depth := 0, 0
	slashed := false // after the link that was the last name
	for {
		name, rest, slash := nextName(path)
		last := len(rest) == 0 && depth == 0
		slash = slash || last && slashed
		var child *node
		switch string(name) {
		case "", ".":
			child = dir
		case "..":
			if child = dir.parent(); child == nil {
				return place{}, eNOENT
			}
		default:
			if len(name) > nameMax {
				return place{}, eNAMETOOLONG
			}
			if last && slash && how&walkCreate != 0 {
				return place{}, eISDIR
			}
			if e := dir.load(); e != 0 {
				return place{}, e
			}
			found := dir.lookup(name)
			if found == nil {
				if !last || how&walkExisting != 0 {
					return place{}, eNOENT
				}
				return place{dir: dir, name: name, slash: slash}, 0
			}
			child = at[node](found.node)
			if child.isLink() && (!last || how&walkName == 0 && (slash || how&walkFollow != 0)) {
				if jumps == maxJumps {
					return place{}, eLOOP
				}
				jumps++
				if len(rest) != 0 {
					remainders[depth].address, remainders[depth].len = addrOf(&rest[0]), uintptr(len(rest))
					depth++
				}
				slashed = slashed || last && slash
				path = child.target()
				if len(path) != 0 && path[0] == '/' {
					dir = &root
				}
				continue
			}
			if last {
				if slash && how&walkName == 0 && !child.isDir() {
					return place{}, eNOTDIR
				}
				return place{dir: dir, node: child, name: name, slash: slash}, 0
			}
		}
		if last {
			return place{node: child, name: name}, 0
		}
		if !child.isDir() {
			return place{}, eNOTDIR
		}
		if dir, path = child, rest; len(path) == 0 {
			depth--
			path = bytesAt(remainders[depth].address, remainders[depth].len)
		}
	}
}

// nextName cuts the first name off a path; slash says that one came after it.
func nextName(path []byte) (name, rest []byte, slash bool) {
	for len(path) > 0 && path[0] == '/' {
		path = path[1:]
	}
	n := 0
	for n < len(path) && path[n] != '/' {
		n++
	}
	name, rest = path[:n], path[n:]
	slash = len(rest) > 0
	for len(rest) > 0 && rest[0] == '/' {
		rest = rest[1:]
	}
	return name, rest, slash
}

// sysGetcwd gives the path of the current directory, with its NUL.
func sysGetcwd(buf, n uintptr) int64 {
	if !treeReady() {
		return eNOMEM
	}
	path := currentPath[:]
	i := len(path) - 1
	path[i] = 0
	for dir := at[node](workDir); dir != &root; dir = dir.parent() {
		if dir.parent() == nil {
			return eNOENT
		}
		e := at[entry](dir.entry)
		name := bytesAt(e.name, uintptr(e.length))
		if len(name)+1 > i {
			return eNAMETOOLONG
		}
		i -= len(name) + 1
		path[i] = '/'
		copy(path[i+1:], name)
	}
	if i == len(path)-1 {
		i--
		path[i] = '/'
	}
	path = path[i:]
	if uintptr(len(path)) > n {
		return eRANGE
	}
	return int64(copy(bytesAt(buf, n), path))
}

func setWorkDir(n *node) int64 {
	if !n.isDir() {
		return eNOTDIR
	}
	n.refs++
	at[node](workDir).unref()
	workDir = addrOf(n)
	return 0
}

func sysChdir(path uintptr) int64 {
	p, e := walk(atCWD, path, walkFollow|walkExisting)
	if e != 0 {
		return e
	}
	return setWorkDir(p.node)
}

func sysFchdir(fd uintptr) int64 {
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if f.kind != fileDirectory {
		return eNOTDIR
	}
	return setWorkDir(at[node](f.object))
}
