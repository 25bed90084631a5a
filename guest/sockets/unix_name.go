package sockets

import (
	"path"
	"slices"
	"sync"
	"syscall"
)

const maxUnixPath = 108

// unixNames is the bound sockets: paths, which all types share, and abstract
// names, which begin with NUL and of which each type has its own.
type unixNames struct {
	mu    sync.Mutex
	bound map[string]*unix
	auto  int
}

// nameKey is a name's key in bound.
func nameKey(name string, typ int) string {
	if name != "" && name[0] == 0 {
		return string(rune(typ)) + name
	}
	return name
}

// parseUnix reads a struct sockaddr_un. Paths come back clean, so that two
// spellings of one file are one name.
func parseUnix(b []byte) (string, syscall.Errno) {
	family, errno := addressFamily(b)
	if errno != 0 {
		return "", errno
	}
	if family != syscall.AF_UNIX || len(b) > 2+maxUnixPath {
		return "", syscall.EINVAL
	}
	name := b[2:]
	if len(name) == 0 || name[0] == 0 {
		return string(name), 0
	}
	if i := slices.Index(name, 0); i >= 0 {
		name = name[:i]
	}
	return path.Clean(string(name)), 0
}

func appendUnix(b []byte, name string) []byte {
	b = append(b, syscall.AF_UNIX, 0)
	b = append(b, name...)
	if name != "" && name[0] != 0 {
		b = append(b, 0)
	}
	return b
}

// Unlink removes the name of a socket that is bound to a path. It returns
// whether there was one.
func (t *Table) Unlink(name string) bool {
	name = path.Clean(name)
	t.names.mu.Lock()
	defer t.names.mu.Unlock()
	_, ok := t.names.bound[name]
	delete(t.names.bound, name)
	return ok
}

// find is the socket of a type that has a name. The lock is held.
func (n *unixNames) find(name string, typ int) (*unix, syscall.Errno) {
	s := n.bound[nameKey(name, typ)]
	switch {
	case name == "":
		return nil, syscall.EINVAL
	case s == nil && name[0] != 0:
		return nil, syscall.ENOENT
	case s == nil:
		return nil, syscall.ECONNREFUSED
	case s.typ != typ:
		return nil, syscall.EPROTOTYPE
	}
	return s, 0
}
