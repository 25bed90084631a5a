package sockets

import "syscall"

// Kernel is what the socket layer needs of the guest kernel: descriptors and
// readiness. All methods may be called from any goroutine.
type Kernel interface {
	// Open returns a fresh descriptor of kind socket, EMFILE when there is none.
	Open() (fd int, err syscall.Errno)
	// Dup returns a fresh descriptor of kind socket, at least atLeast.
	Dup(fd, atLeast int) (int, syscall.Errno)
	// Close gives a descriptor back. No Ready follows for it.
	Close(fd int) syscall.Errno
	// Ready reports edges in the bits of epoll: EPOLLIN, EPOLLOUT, EPOLLERR,
	// EPOLLHUP and EPOLLRDHUP. The kernel keeps what comes before the descriptor
	// is added to an epoll set. An edge that was reported comes again only after
	// a call has found the condition gone (EAGAIN). Ready is called with locks of
	// the stack held: it must not block nor call into this package.
	Ready(fd int, events uint32)
}

// Replacer is implemented by a Kernel that can give out a certain descriptor.
type Replacer interface {
	// DupTo makes other a descriptor like fd, of kind socket, whatever it was.
	DupTo(fd, other int) syscall.Errno
}

// Files is implemented by a Kernel that has a file system, in which sockets of
// AF_UNIX are found by their paths. Without it a path is a name among sockets
// only, which goes when its socket closes.
type Files interface {
	// MakeSocket makes the node of a socket, and fails like mknod.
	MakeSocket(path string) (inode uint64, err syscall.Errno)
	// FindSocket returns the node at a path: ECONNREFUSED if it is no socket's.
	FindSocket(path string) (inode uint64, err syscall.Errno)
}

// SystemFiles is Files by way of package syscall, to be embedded in a Kernel.
type SystemFiles struct{}

var _ Files = SystemFiles{}

// MakeSocket implements Files.
func (f SystemFiles) MakeSocket(path string) (uint64, syscall.Errno) {
	if err := syscall.Mknod(path, syscall.S_IFSOCK|0o777, 0); err != nil {
		return 0, errnoFrom(err)
	}
	return f.FindSocket(path)
}

// FindSocket implements Files.
func (SystemFiles) FindSocket(path string) (uint64, syscall.Errno) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return 0, errnoFrom(err)
	}
	if st.Mode&syscall.S_IFMT != syscall.S_IFSOCK {
		return 0, syscall.ECONNREFUSED
	}
	return st.Ino, 0
}

// Readiness, in the bits of epoll.
const (
	pollIn    = 0x1
	pollOut   = 0x4
	pollErr   = 0x8
	pollHup   = 0x10
	pollRdHup = 0x2000
)
