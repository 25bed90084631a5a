package sockets

import (
	"syscall"
	"time"

	"gvisor.dev/gvisor/pkg/waiter"
)

// wait is one call's wait for a socket to become ready. The zero value has not
// begun.
type wait struct {
	*sleeper
}

type sleeper struct {
	entry waiter.Entry
	wake  chan struct{}
	timer *time.Timer // nil without a timeout
}

// NotifyEvent implements waiter.EventListener.
func (s *sleeper) NotifyEvent(waiter.EventMask) {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// sleep waits until the socket may have become ready. The first call only
// registers, so that nothing that comes after the caller's next look is missed.
// It fails with EAGAIN after timeout since the first call, 0 for none.
func (w *wait) sleep(d *description, timeout time.Duration) syscall.Errno {
	if w.sleeper == nil {
		w.sleeper = &sleeper{wake: make(chan struct{}, 1)}
		w.entry.Init(w.sleeper, pollIn|pollOut|pollErr|pollHup|pollRdHup)
		d.events().EventRegister(&w.entry)
		if timeout > 0 {
			w.timer = time.NewTimer(timeout)
		}
		return 0
	}
	if w.timer == nil {
		<-w.wake
		return 0
	}
	select {
	case <-w.wake:
		return 0
	case <-w.timer.C:
		return syscall.EAGAIN
	}
}

// stop ends the wait.
func (w *wait) stop(d *description) {
	if w.sleeper == nil {
		return
	}
	d.events().EventUnregister(&w.entry)
	if w.timer != nil {
		w.timer.Stop()
	}
}
