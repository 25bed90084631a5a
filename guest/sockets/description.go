package sockets

import (
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/waiter"
)

// description is Linux's open file description: a socket with its status flag
// and timeouts, and the descriptors that refer to it.
type description struct {
	socket
	kernel Kernel
	entry  waiter.Entry

	nonblock                    atomic.Bool
	receiveTimeout, sendTimeout atomic.Int64 // ns, 0 is for ever

	// raised is the edges that were reported and that no call has found gone.
	raised atomic.Uint32

	mu  sync.Mutex
	fds []int // empty once the socket is closed
}

var _ waiter.EventListener = (*description)(nil)

func newDescription(k Kernel, s socket, nonblock bool) *description {
	d := &description{socket: s, kernel: k}
	d.nonblock.Store(nonblock)
	d.entry.Init(d, pollIn|pollOut|pollErr|pollHup|pollRdHup)
	s.events().EventRegister(&d.entry)
	return d
}

// attach adds a descriptor; it fails when the socket is closed.
func (d *description) attach(fd int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fds != nil && len(d.fds) == 0 {
		return false
	}
	d.fds = append(d.fds, fd)
	return true
}

// detach removes a descriptor and closes the socket with the last one. Once it
// has returned, no edge is reported for the descriptor.
func (d *description) detach(fd int) {
	d.mu.Lock()
	if i := slices.Index(d.fds, fd); i >= 0 {
		d.fds = slices.Delete(d.fds, i, i+1)
	}
	last := len(d.fds) == 0
	d.mu.Unlock()
	if last {
		d.events().EventUnregister(&d.entry)
		d.close()
	}
}

// NotifyEvent implements waiter.EventListener: it reports an edge that was not
// reported yet. Errors and hang-ups always are.
func (d *description) NotifyEvent(mask waiter.EventMask) {
	events := uint32(mask)
	old := d.raised.Or(events & (pollIn | pollOut))
	if events&^old == 0 {
		return
	}
	d.mu.Lock()
	for _, fd := range d.fds {
		d.kernel.Ready(fd, events)
	}
	d.mu.Unlock()
}

// rearm lets an edge be reported again. It returns whether the edge was
// raised: then it may have come since the caller looked, who has to look again.
func (d *description) rearm(edge uint32) bool {
	return d.raised.Load()&edge != 0 && d.raised.And(^edge)&edge != 0
}

// tryAgain decides what follows an EAGAIN: 0 to try again, possibly after
// having waited, or the error for the caller.
func (d *description) tryAgain(w *wait, edge uint32, dontWait bool) syscall.Errno {
	if d.rearm(edge) {
		return 0
	}
	if dontWait || d.nonblock.Load() {
		return syscall.EAGAIN
	}
	timeout := &d.receiveTimeout
	if edge == pollOut {
		timeout = &d.sendTimeout
	}
	return w.sleep(d, time.Duration(timeout.Load()))
}

func (d *description) doReceive(m *Message) (int, syscall.Errno) {
	var w wait
	for {
		n, errno := d.receive(m)
		if errno != syscall.EAGAIN {
			w.stop(d)
			return n, errno
		}
		if errno := d.tryAgain(&w, pollIn, m.Flags&syscall.MSG_DONTWAIT != 0); errno != 0 {
			w.stop(d)
			return 0, errno
		}
	}
}

// doSend sends all of a message if it may wait, else what fits.
func (d *description) doSend(m *Message) (int, syscall.Errno) {
	var w wait
	dontWait := m.Flags&syscall.MSG_DONTWAIT != 0
	total := m.size()
	for {
		n, errno := d.send(m)
		m.sent += n
		if errno == 0 && (m.sent >= total || dontWait || d.nonblock.Load()) {
			break
		}
		if errno == syscall.EAGAIN {
			errno = d.tryAgain(&w, pollOut, dontWait)
		}
		if errno != 0 {
			w.stop(d)
			if m.sent != 0 {
				return m.sent, 0
			}
			return 0, errno
		}
	}
	w.stop(d)
	return m.sent, 0
}

func (d *description) doAccept(addr []byte) (socket, []byte, syscall.Errno) {
	var w wait
	for {
		s, peer, errno := d.accept(addr)
		if errno != syscall.EAGAIN {
			w.stop(d)
			return s, peer, errno
		}
		if errno := d.tryAgain(&w, pollIn, false); errno != 0 {
			w.stop(d)
			return nil, nil, errno
		}
	}
}

// doConnect waits for the outcome unless the socket does not block.
func (d *description) doConnect(addr []byte) syscall.Errno {
	var w wait
	started := false
	for {
		errno := d.connect(addr)
		switch {
		case errno == syscall.EINPROGRESS, errno == syscall.EALREADY && started:
		default:
			w.stop(d)
			return errno
		}
		if d.nonblock.Load() {
			w.stop(d)
			return errno
		}
		started = true
		if again := w.sleep(d, time.Duration(d.sendTimeout.Load())); again != 0 {
			w.stop(d)
			return errno
		}
	}
}
