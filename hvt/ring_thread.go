package hvt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// ringSpins is how often the thread looks for entries before it sleeps.
const ringSpins = 4096

// ringThread serves a ring beside the vCPU, on a thread of its own: it looks
// for entries for a while, then asks to be kicked and sleeps.
type ringThread struct {
	ring
	kickFD   int // eventfd: a kick of the guest, or stop
	stopping atomic.Bool
	ended    chan error
}

// newRingThread makes the ring in memory, zeros of at least its size, and has
// OUT to abi.NetRingPort kick it. The caller calls close.
func newRingThread(vmFD int, h *host, memory []byte) (*ringThread, error) {
	kickFD, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("cannot create an eventfd: %w", err)
	}
	if err := kickOnOut(vmFD, kickFD, abi.NetRingPort); err != nil {
		return nil, errors.Join(fmt.Errorf("KVM_IOEVENTFD: %w", err), unix.Close(kickFD))
	}
	return &ringThread{ring: ring{shared: sharedRing(memory), host: h}, kickFD: kickFD, ended: make(chan error, 1)}, nil
}

// start serves the ring until stop. It reports a failure, which ends the
// service too, to failed and to stop.
func (t *ringThread) start(failed func(error)) {
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := t.serve()
		if err != nil {
			failed(err)
		}
		t.ended <- err
	}()
}

// stop ends the service and waits for it. After it, a halted guest's last
// entries can be drained.
func (t *ringThread) stop() error {
	t.stopping.Store(true)
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	// It cannot block: no guest lives to kick 2^64 times.
	if _, err := unix.Write(t.kickFD, one[:]); err != nil {
		return fmt.Errorf("cannot stop the network ring: %w", err)
	}
	return <-t.ended
}

// close releases the descriptor.
func (t *ringThread) close() error { return unix.Close(t.kickFD) }

func (t *ringThread) serve() error {
	for spins := 0; !t.stopping.Load(); spins++ {
		served, err := t.drain()
		if err != nil {
			return err
		}
		if served {
			spins = 0
		}
		if spins < ringSpins {
			continue
		}
		spins = 0
		if err := t.sleep(); err != nil {
			return err
		}
	}
	return nil
}

// sleep waits for a kick. The store of NeedsKick is a full barrier, as all Go
// atomics are, and so is the guest's between EntTail and its look at
// NeedsKick: either it sees the flag and kicks, or its entry is seen here.
func (t *ringThread) sleep() error {
	atomic.StoreUint32(&t.shared.NeedsKick, 1)
	defer atomic.StoreUint32(&t.shared.NeedsKick, 0)
	if t.waiting() {
		return nil
	}
	var kicks [8]byte
	if _, err := unix.Read(t.kickFD, kicks[:]); err != nil && err != unix.EINTR {
		return fmt.Errorf("cannot wait for the network ring: %w", err)
	}
	return nil
}
