package sockets

import (
	"sync"
	"sync/atomic"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// maxDescriptors bounds the table, whatever numbers the kernel hands out.
const maxDescriptors = 1 << 20

// Table is the sockets of a unikernel by their descriptors. Its methods may be
// called from any goroutine; looking a descriptor up takes no lock.
type Table struct {
	stack  *stack.Stack
	kernel Kernel
	names  unixNames
	ports  netlinkPorts

	slots  atomic.Pointer[[]atomic.Pointer[description]]
	growth sync.Mutex // held by whoever fills or replaces slots
}

// New returns a table without sockets. The stack's options that concern
// sockets, such as buffer sizes and congestion control, are the caller's to
// set; raw sockets need its RawFactory.
func New(s *stack.Stack, k Kernel) *Table {
	t := &Table{stack: s, kernel: k}
	t.names.files, _ = k.(Files)
	slots := make([]atomic.Pointer[description], 64)
	t.slots.Store(&slots)
	return t
}

// Is says whether a descriptor is a socket.
func (t *Table) Is(fd int) bool { return t.at(fd) != nil }

// at returns nil for a descriptor that is not a socket.
func (t *Table) at(fd int) *description {
	slots := *t.slots.Load()
	if uint(fd) >= uint(len(slots)) {
		return nil
	}
	return slots[fd].Load()
}

// put fills the slot of a descriptor.
func (t *Table) put(fd int, d *description) syscall.Errno {
	if fd < 0 || fd >= maxDescriptors {
		return syscall.EMFILE
	}
	t.growth.Lock()
	defer t.growth.Unlock()
	slots := *t.slots.Load()
	if fd >= len(slots) {
		larger := make([]atomic.Pointer[description], max(fd+1, 2*len(slots)))
		for i := range slots {
			larger[i].Store(slots[i].Load())
		}
		t.slots.Store(&larger)
		slots = larger
	}
	slots[fd].Store(d)
	return 0
}

// take empties the slot of a descriptor; it returns nil if it was empty.
func (t *Table) take(fd int) *description {
	t.growth.Lock()
	defer t.growth.Unlock()
	slots := *t.slots.Load()
	if uint(fd) >= uint(len(slots)) {
		return nil
	}
	return slots[fd].Swap(nil)
}

// install gives a new socket a descriptor, or closes it.
func (t *Table) install(s socket, nonblock bool) (int, syscall.Errno) {
	fd, errno := t.kernel.Open()
	if errno != 0 {
		s.close()
		return -1, errno
	}
	d := newDescription(t.kernel, s, nonblock)
	d.attach(fd)
	if errno := t.put(fd, d); errno != 0 {
		d.detach(fd)
		t.kernel.Close(fd)
		return -1, errno
	}
	return fd, 0
}

// Dup makes another descriptor, at least atLeast, for the same socket.
func (t *Table) Dup(fd, atLeast int) (int, syscall.Errno) {
	d := t.at(fd)
	if d == nil {
		return -1, syscall.EBADF
	}
	if atLeast < 0 || atLeast >= maxDescriptors {
		return -1, syscall.EINVAL
	}
	other, errno := t.kernel.Dup(fd, atLeast)
	if errno != 0 {
		return -1, errno
	}
	return t.share(d, other)
}

// DupTo makes other a descriptor for the same socket, in place of what it was.
// Unless the kernel is a Replacer, it fails with EBUSY if other is in use and
// no socket.
func (t *Table) DupTo(fd, other int) (int, syscall.Errno) {
	d := t.at(fd)
	switch {
	case d == nil, other < 0, other >= maxDescriptors:
		return -1, syscall.EBADF
	case fd == other:
		return -1, syscall.EINVAL
	}
	k, ok := t.kernel.(Replacer)
	if !ok {
		t.Close(other)
		got, errno := t.Dup(fd, other)
		if errno == 0 && got != other {
			t.Close(got)
			return -1, syscall.EBUSY
		}
		return got, errno
	}
	if old := t.take(other); old != nil {
		old.detach(other)
	}
	if errno := k.DupTo(fd, other); errno != 0 {
		return -1, errno
	}
	return t.share(d, other)
}

// share makes a descriptor that the kernel has duplicated one of d.
func (t *Table) share(d *description, fd int) (int, syscall.Errno) {
	if !d.attach(fd) {
		t.kernel.Close(fd)
		return -1, syscall.EBADF
	}
	if errno := t.put(fd, d); errno != 0 {
		d.detach(fd)
		t.kernel.Close(fd)
		return -1, errno
	}
	return fd, 0
}

// Close closes a descriptor, and its socket with the last one. What a stream
// has not sent yet is still sent.
func (t *Table) Close(fd int) syscall.Errno {
	d := t.take(fd)
	if d == nil {
		return syscall.EBADF
	}
	d.detach(fd)
	return t.kernel.Close(fd)
}
