package sockets

import "syscall"

// Fcntl answers the commands that make sense for a socket: duplicates, and the
// status flag O_NONBLOCK, which duplicates share. No descriptor outlives an
// exec here, since there is none.
func (t *Table) Fcntl(fd, command, arg int) (int, syscall.Errno) {
	d := t.at(fd)
	if d == nil {
		return -1, syscall.EBADF
	}
	switch command {
	case syscall.F_DUPFD, syscall.F_DUPFD_CLOEXEC:
		return t.Dup(fd, arg)
	case syscall.F_GETFD:
		return syscall.FD_CLOEXEC, 0
	case syscall.F_SETFD:
		return 0, 0
	case syscall.F_GETFL:
		flags := syscall.O_RDWR
		if d.nonblock.Load() {
			flags |= syscall.O_NONBLOCK
		}
		return flags, 0
	case syscall.F_SETFL:
		d.nonblock.Store(arg&syscall.O_NONBLOCK != 0)
		return 0, 0
	}
	return -1, syscall.EINVAL
}
