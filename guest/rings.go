package guest

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"

	"tender/abi"
	"tender/guest/umem"
)

// rings move the frames of a device through the UMEM.
type rings struct {
	umem *umem.UMEM
	port *umem.Port
	bell func() error // wakes the tender

	mu      sync.Mutex
	closed  atomic.Bool
	batch   [64]umem.Frame
	pending []umem.Frame // of batch: received and not read yet

	sendMu sync.Mutex
	pieces [abi.UMEMMaxChain]umem.Frame // of the frame that is sent
}

// room is that of a chunk for a frame that is sent.
const room = abi.UMEMChunkBytes - umem.Headroom

// shared is the UMEM of this guest, once a device has asked for it.
var shared struct {
	sync.Mutex
	umem *umem.UMEM
}

// openRings is nil without an error for a device that has none.
func openRings(fd int, handle uint32, mtu int) (*rings, error) {
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
	return newRings(shared.umem, handle, mtu, func() error { return ringDoorbell(fd) })
}

// newRings is nil without an error for a device that has none.
func newRings(u *umem.UMEM, handle uint32, mtu int, bell func() error) (*rings, error) {
	r := &rings{umem: u, port: u.Port(handle), bell: bell}
	if r.port == nil {
		return nil, nil
	}
	var features uint32
	if mtu > largestMTU {
		features = abi.UMEMChains
	}
	_, err := r.port.Choose(features, r.kick)
	return r, err
}

// lend has the tender begin to receive, as the first read does. Until then frames
// wait in the host's queue, and what they are like can be chosen.
func (r *rings) lend() error {
	r.port.Lend()
	return r.kick()
}

// largestMTU is that of devices whose frames fit a chunk, with two VLAN tags.
const largestMTU = room - abi.EtherHeaderSize - 2*4 - 1

// offload has frames begin with an abi.VNETHeader, if the tender can have that.
func (r *rings) offload() (bool, error) {
	const features = abi.UMEMChains | abi.UMEMOffloads
	if r.port.Offers()&features != features {
		return false, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sendMu.Lock()
	defer r.sendMu.Unlock()
	r.release()
	has, err := r.port.Choose(features, r.kick)
	return has == features, err
}

// close gives back what is received and not read.
func (r *rings) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed.Store(true)
	r.release()
}

func (r *rings) release() {
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
	return r.bell()
}

func ringDoorbell(fd int) error {
	if _, _, errno := syscall.RawSyscall(syscall.SYS_IOCTL, uintptr(fd), abi.IoctlDoorbell, 0); errno != 0 {
		return fmt.Errorf("waking the tender: %w", errno)
	}
	return nil
}

// gone is an error once the device has failed or is closed.
func (r *rings) gone() error {
	if r.closed.Load() {
		return os.ErrClosed
	}
	if r.umem.Gone(r.port.Handle) {
		return fmt.Errorf("the network device has failed: %w", syscall.EIO)
	}
	return nil
}

// read takes the next frame, of which it copies what fits.
func (r *rings) read(p []byte) (n int, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return 0, false
	}
	for more := true; more; ok = true {
		if len(r.pending) == 0 {
			r.pending = r.batch[:r.port.Receive(r.batch[:])]
			if r.kick(); len(r.pending) == 0 {
				return 0, false
			}
		}
		f := r.pending[0]
		r.pending = r.pending[1:]
		more = f.More()
		n += copy(p[n:], r.umem.Bytes(f))
		r.umem.Release(f)
	}
	return n, ok
}

// write sends a copy of the parts, which it changes, as one frame. It fails with
// ErrFull if there is no room for it.
func (r *rings) write(parts [][]byte) error {
	r.sendMu.Lock()
	defer r.sendMu.Unlock()
	if err := r.gone(); err != nil {
		return err
	}
	frames, err := r.compose(parts)
	if err != nil {
		return err
	}
	full := len(frames) == 0 || r.port.Send(frames) == 0
	if err := r.kick(); err != nil {
		return err
	}
	if full {
		return ErrFull
	}
	return nil
}

// compose copies the parts, which it changes, to chunks for one frame: none if
// there are too few. They are good until the next call; the caller has sendMu.
func (r *rings) compose(parts [][]byte) ([]umem.Frame, error) {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	most := room
	if r.port.Has(abi.UMEMChains) {
		most = abi.UMEMMaxFrame
	}
	if size == 0 || size > most {
		return nil, fmt.Errorf("sending a frame of %d bytes: %w", size, syscall.EMSGSIZE)
	}
	frames := r.pieces[:(size+room-1)/room]
	for i := range frames {
		var ok bool
		if frames[i], ok = r.alloc(min(room, size-i*room)); !ok {
			r.umem.ReleaseAll(frames[:i])
			return nil, nil
		}
	}
	for i, f := range frames {
		for p := r.umem.Bytes(f); len(p) > 0; {
			n := copy(p, parts[0])
			p = p[n:]
			if parts[0] = parts[0][n:]; len(parts[0]) == 0 {
				parts = parts[1:]
			}
		}
		if i < len(frames)-1 {
			frames[i] = f.WithMore()
		}
	}
	return frames, nil
}

// alloc is a chunk's part of n bytes.
func (r *rings) alloc(n int) (umem.Frame, bool) {
	f, ok := r.umem.Alloc()
	if !ok {
		r.umem.Reclaim()
		if f, ok = r.umem.Alloc(); !ok {
			return 0, false
		}
	}
	return r.umem.Part(f, umem.Headroom, n), true
}
