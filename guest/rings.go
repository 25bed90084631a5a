package guest

import (
	"fmt"
	"sync"
	"syscall"

	"tender/abi"
	"tender/guest/umem"
)

// rings move the frames of a device through the UMEM.
type rings struct {
	umem *umem.UMEM
	port *umem.Port
	fd   int

	mu      sync.Mutex
	batch   [64]umem.Frame
	pending []umem.Frame // of batch: received and not read yet
}

// shared is the UMEM of this guest, once a device has asked for it.
var shared struct {
	sync.Mutex
	umem *umem.UMEM
}

// openRings is nil without an error for a device that has none.
func openRings(fd int, handle uint32) (*rings, error) {
	area, err := umemArea(fd)
	if err != nil || area.Bytes == 0 {
		return nil, err
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.umem == nil {
		memory := umem.Map(uintptr(area.Address), uintptr(area.Bytes))
		if memory == nil {
			return nil, fmt.Errorf("the tender shares memory in a way that this image does not know: build it again")
		}
		if shared.umem, err = umem.New(memory); err != nil {
			return nil, err
		}
	}
	r := &rings{umem: shared.umem, port: shared.umem.Port(handle), fd: fd}
	if r.port == nil {
		return nil, nil
	}
	// What came while nobody had the device open is of no use.
	for n := len(r.batch); n == len(r.batch); {
		n = r.port.Receive(r.batch[:])
		r.pending = r.batch[:n]
		r.release()
	}
	return r, r.kick()
}

// release gives back what is received and not read.
func (r *rings) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.pending {
		r.umem.Release(f)
	}
	r.pending = nil
}

// kick wakes the tender if it sleeps.
func (r *rings) kick() error {
	if !r.umem.TenderSleeps() {
		return nil
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(r.fd), abi.IoctlDoorbell, 0); errno != 0 {
		return fmt.Errorf("waking the tender: %w", errno)
	}
	return nil
}

// gone is an error once the device has failed.
func (r *rings) gone() error {
	if r.umem.Gone(r.port.Handle) {
		return fmt.Errorf("the network device has failed: %w", syscall.EIO)
	}
	return nil
}

// read takes the next frame, of which it copies what fits.
func (r *rings) read(p []byte) (n int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 {
		r.pending = r.batch[:r.port.Receive(r.batch[:])]
		if r.kick(); len(r.pending) == 0 {
			return 0, false
		}
	}
	f := r.pending[0]
	r.pending = r.pending[1:]
	n = copy(p, r.umem.Bytes(f))
	r.umem.Release(f)
	return n, true
}

// write sends a copy of p. Without a free chunk the frame is lost, as with a full
// queue.
func (r *rings) write(p []byte) error {
	if len(p) > abi.UMEMChunkBytes {
		return fmt.Errorf("sending a frame of %d bytes: %w", len(p), syscall.EMSGSIZE)
	}
	if err := r.gone(); err != nil {
		return err
	}
	f, ok := r.umem.Alloc()
	if !ok {
		r.umem.Reclaim()
		if f, ok = r.umem.Alloc(); !ok {
			return r.kick()
		}
	}
	f = r.umem.Part(f, 0, len(p))
	copy(r.umem.Bytes(f), p)
	frames := [1]umem.Frame{f}
	r.port.Send(frames[:])
	return r.kick()
}
