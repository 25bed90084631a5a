package sockets

import (
	"fmt"
	"path"
	"slices"
	"sync"
	"syscall"
)

const maxUnixPath = 108

// unixNames is the bound sockets.
type unixNames struct {
	mu    sync.Mutex
	files Files // nil if paths are names only
	bound map[unixKey]*unix
	auto  int
}

// unixKey is what a socket is found by: the node of its path, the path if there
// are no nodes, or its abstract name, of which each type has its own.
type unixKey struct {
	inode uint64
	name  string
	typ   int
}

// parseUnix reads the name in a struct sockaddr_un: a path, an abstract name
// that begins with NUL, or nothing.
func parseUnix(b []byte) (string, syscall.Errno) {
	family, errno := addressFamily(b)
	if errno != 0 {
		return "", errno
	}
	if family != syscall.AF_UNIX || len(b) > 2+maxUnixPath {
		return "", syscall.EINVAL
	}
	name := b[2:]
	if i := slices.Index(name, 0); i > 0 {
		name = name[:i]
	}
	return string(name), 0
}

func appendUnix(b []byte, name string) []byte {
	b = append(b, syscall.AF_UNIX, 0)
	b = append(b, name...)
	if name != "" && name[0] != 0 {
		b = append(b, 0)
	}
	return b
}

// find is the socket of a type that has a name. The lock is held.
func (n *unixNames) find(name string, typ int) (*unix, syscall.Errno) {
	var key unixKey
	missing := syscall.ECONNREFUSED
	switch {
	case name == "":
		return nil, syscall.EINVAL
	case name[0] == 0:
		key = unixKey{name: name, typ: typ}
	case n.files == nil:
		key, missing = unixKey{name: path.Clean(name)}, syscall.ENOENT
	default:
		inode, errno := n.files.FindSocket(name)
		if errno != 0 {
			return nil, errno
		}
		key.inode = inode
	}
	s := n.bound[key]
	switch {
	case s == nil:
		return nil, missing
	case s.typ != typ:
		return nil, syscall.EPROTOTYPE
	}
	return s, 0
}

// bind gives a socket a name, any free one for "". The lock is held.
func (n *unixNames) bind(s *unix, name string) syscall.Errno {
	if n.bound == nil {
		n.bound = map[unixKey]*unix{}
	}
	key := unixKey{name: name, typ: s.typ}
	switch {
	case name == "":
		for name == "" || n.bound[key] != nil {
			n.auto = (n.auto + 1) & 0xfffff
			name = fmt.Sprintf("\x00%05x", n.auto)
			key.name = name
		}
	case name[0] == 0:
		if n.bound[key] != nil {
			return syscall.EADDRINUSE
		}
	case n.files == nil:
		key = unixKey{name: path.Clean(name)}
		if n.bound[key] != nil {
			return syscall.EADDRINUSE
		}
	default:
		inode, errno := n.files.MakeSocket(name)
		if errno == syscall.EEXIST {
			return syscall.EADDRINUSE
		}
		if errno != 0 {
			return errno
		}
		// A new node: a socket that has this number lost its own.
		key = unixKey{inode: inode}
	}
	n.bound[key] = s
	s.address, s.key = name, key
	return 0
}

// release forgets the name of a socket. The node of a path stays, as in Linux.
// The lock is held.
func (n *unixNames) release(s *unix) {
	if s.address != "" && n.bound[s.key] == s {
		delete(n.bound, s.key)
	}
}
