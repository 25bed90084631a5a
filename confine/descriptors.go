package confine

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// maxDescriptors bounds the search for open descriptors. The tender's own are
// the lowest free ones.
const maxDescriptors = 4096

// surroundings are what the filter has to know of the process.
type surroundings struct {
	PID int
	// Kernel are the descriptors of kernel objects.
	Kernel []int
	// ReadOnly are the disks open for reading only.
	ReadOnly []int
}

func (c Config) examine() (s surroundings, err error) {
	s.PID = unix.Getpid()
	if s.Kernel, err = anonymous(); err != nil {
		return s, err
	}
	for _, fd := range c.Disks {
		isReadOnly, err := readOnly(fd)
		if err != nil {
			return s, err
		}
		if isReadOnly {
			s.ReadOnly = append(s.ReadOnly, fd)
		}
	}
	return s, nil
}

// anonymous are the descriptors of this process that stand for no file but for
// an object of the kernel's: the eventfds and epoll sets of the Go runtime and
// of hvt, the virtual machine and its vCPU.
func anonymous() ([]int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, fmt.Errorf("reading the limit of open files: %w", err)
	}
	fds := make([]unix.PollFd, min(limit.Cur, maxDescriptors))
	for i := range fds {
		fds[i].Fd = int32(i)
	}
	// One call that tells which are open.
	_, err := unix.Poll(fds, 0)
	for err == unix.EINTR {
		_, err = unix.Poll(fds, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("looking for open descriptors: %w", err)
	}
	var found []int
	for i := range fds {
		if fds[i].Revents&unix.POLLNVAL != 0 {
			continue
		}
		var st unix.Stat_t
		switch err := unix.Fstat(i, &st); err {
		case nil:
		case unix.EBADF: // closed since, by the garbage collector for one
			continue
		default:
			return nil, fmt.Errorf("examining descriptor %d: %w", i, err)
		}
		if st.Mode&unix.S_IFMT == 0 {
			found = append(found, i)
		}
	}
	return found, nil
}

// readOnly says whether a descriptor is open for reading only.
func readOnly(fd int) (bool, error) {
	if fd < 0 || fd > math.MaxInt32 {
		return false, fmt.Errorf("%d is no descriptor", fd)
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil {
		return false, fmt.Errorf("examining descriptor %d: %w", fd, err)
	}
	return flags&unix.O_ACCMODE == unix.O_RDONLY, nil
}
