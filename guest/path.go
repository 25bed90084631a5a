package guest

import (
	"fmt"
	"time"

	"tender/abi"
	"tender/guest/umem"
)

// PathBatch is the most frames that a PathPort hands over at a time.
const PathBatch = 64

// Path moves frames between network devices, many at a time. Frames that come in
// on one and leave through another are not copied, if the tender shares rings
// with the guest. A Path and its ports are for one goroutine, and nothing else
// reads the devices meanwhile. None of their methods allocates.
type Path struct {
	ports  []*PathPort
	poller *Poller
	umem   *umem.UMEM // nil if no device has rings

	// hand is the frame that a handler has now, in pieces; it is empty once
	// it has been written or where there is none. freed are those that were not
	// written.
	hand  []umem.Frame
	freed []umem.Frame
	rest  [][]byte // of the frame in hand
	whole []byte   // a frame that was put together, or read
}

// PathPort is one device of a Path.
type PathPort struct {
	nic  *NIC
	path *Path
	// batch is what was received, out what is to be sent: of at least room pieces
	// it is known that they can be.
	batch [PathBatch + abi.UMEMMaxChain]umem.Frame
	out   []umem.Frame
	room  int
	// head and parts are those of a frame that is copied.
	head  [abi.VNETHeaderBytes]byte
	parts [abi.UMEMMaxChain + 2][]byte
}

// Handler has a frame from the Ethernet header on, of which rest are the pieces
// that do not follow frame in memory, and what is left to do for it. All of it is
// the handler's until it returns, to change as well; but what it has written to a
// port of the Path without a change of rest is the port's from then on.
type Handler func(frame []byte, head abi.VNETHeader, rest [][]byte)

// NewPath makes a Path of up to 63 devices.
func NewPath(nics ...*NIC) (*Path, error) {
	poller, err := NewPoller(nics...)
	if err != nil {
		return nil, err
	}
	p := &Path{
		poller: poller,
		whole:  make([]byte, abi.UMEMMaxFrame),
		freed:  make([]umem.Frame, 0, PathBatch+abi.UMEMMaxChain),
		rest:   make([][]byte, 0, abi.UMEMMaxChain),
	}
	p.add(nics)
	return p, nil
}

func (p *Path) add(nics []*NIC) {
	for _, n := range nics {
		port := &PathPort{nic: n, path: p}
		if n.rings != nil {
			p.umem = n.rings.umem
			port.out = make([]umem.Frame, 0, 4*PathBatch)
		}
		p.ports = append(p.ports, port)
	}
}

// Port is that of a device, by its place in the arguments of NewPath.
func (p *Path) Port(i int) *PathPort { return p.ports[i] }

// Wait sends what was written, and then is as Poller.Wait.
func (p *Path) Wait(deadline time.Time) (ready uint64, err error) {
	if err := p.flush(); err != nil {
		return 0, err
	}
	return p.poller.Wait(deadline)
}

// Close releases the Path, not the devices.
func (p *Path) Close() error { return p.poller.Close() }

// flush sends what was written, and wakes the tender if it sleeps.
func (p *Path) flush() error {
	if p.umem == nil {
		return nil
	}
	var r *rings
	for _, port := range p.ports {
		if port.nic.rings == nil {
			continue
		}
		if r = port.nic.rings; len(port.out) > 0 {
			port.send()
		}
	}
	return r.kick()
}

func (p *PathPort) send() {
	p.nic.rings.port.Send(p.out)
	p.room = max(0, p.room-len(p.out))
	p.out = p.out[:0]
}

// takes says whether that many pieces more can be sent, and waits for it if they
// cannot: the tender need only run to make room, whatever becomes of the frames.
// Meanwhile those of all devices wait in the receive rings, and then at the host.
func (p *PathPort) takes(pieces int) bool {
	if len(p.out)+pieces <= min(p.room, cap(p.out)) {
		return true
	}
	p.send()
	r := p.nic.rings
	var start time.Time
	for p.room = r.port.Room(); p.room < pieces; p.room = r.port.Room() {
		if start.IsZero() {
			start = time.Now()
		}
		if waited := time.Since(start); r.kick() != nil || waited > longestWait {
			return false
		} else if waited > longestSpin {
			time.Sleep(shortWait)
		}
	}
	return true
}

const (
	// longestWait is how long a frame waits for room: the tender does not run then.
	longestWait = 100 * time.Millisecond
	// longestSpin is how long it waits without a sleep.
	longestSpin = 50 * time.Microsecond
	// shortWait lets it run where there is no other CPU for it.
	shortWait = 20 * time.Microsecond
)

// MAC is the device's Ethernet address.
func (p *PathPort) MAC() [6]byte { return p.nic.MAC() }

// MTU is that of NIC.MTU.
func (p *PathPort) MTU() int { return p.nic.MTU() }

// Offloads says that frames may have something left to do.
func (p *PathPort) Offloads() bool {
	return p.nic.rings != nil && p.nic.rings.port.Has(abi.UMEMOffloads)
}

// Receive hands the frames that wait to handle, one after the other and at most
// PathBatch, and then sends what was written. n is how many they were.
func (p *PathPort) Receive(handle Handler) (n int, err error) {
	if p.nic.rings == nil {
		return p.receivePlain(handle)
	}
	r := p.nic.rings
	r.mu.Lock()
	frames := p.batch[:r.port.Receive(p.batch[:PathBatch])]
	r.mu.Unlock()
	if len(frames) == 0 {
		return 0, r.gone()
	}
	// What belongs to the last one is there, as all of a frame is published
	// together.
	for frames[len(frames)-1].More() && len(frames) < cap(frames) {
		frames = frames[:len(frames)+r.port.Receive(p.batch[len(frames):len(frames)+1])]
	}
	for len(frames) > 0 {
		size := 1
		for size < len(frames) && frames[size-1].More() {
			size++
		}
		p.handle(frames[:size:size], handle)
		frames = frames[size:]
		n++
	}
	p.path.umem.ReleaseAll(p.path.freed)
	p.path.freed = p.path.freed[:0]
	return n, p.path.flush()
}

// handle hands one frame over.
func (p *PathPort) handle(pieces []umem.Frame, handle Handler) {
	q, u := p.path, p.path.umem
	q.hand = pieces
	frame := u.Bytes(pieces[0])
	var head abi.VNETHeader
	if p.Offloads() {
		head, frame = abi.VNETHeaderOf(frame), frame[min(abi.VNETHeaderBytes, len(frame)):]
	}
	q.rest = q.rest[:0]
	for _, f := range pieces[1:] {
		q.rest = append(q.rest, u.Bytes(f))
	}
	if len(q.rest) > 0 && head.SegmentBytes == 0 {
		frame = q.join(frame)
	}
	handle(frame, head, q.rest)
	q.freed = append(q.freed, q.hand...)
	q.hand = nil
}

// join puts a frame together with rest, of which nothing is left then.
func (p *Path) join(frame []byte) []byte {
	n := copy(p.whole, frame)
	for _, piece := range p.rest {
		n += copy(p.whole[n:], piece)
	}
	p.rest = p.rest[:0]
	return p.whole[:n]
}

// receivePlain is Receive without rings.
func (p *PathPort) receivePlain(handle Handler) (n int, err error) {
	for n < PathBatch {
		size, ok, err := p.nic.TryReadFrame(p.path.whole)
		if err != nil || !ok {
			return n, err
		}
		handle(p.path.whole[:size], abi.VNETHeader{}, nil)
		n++
	}
	return n, nil
}

// WriteFrame is Write of a frame with nothing left to do.
func (p *PathPort) WriteFrame(frame []byte) error { return p.Write(frame, abi.VNETHeader{}, nil) }

// Write sends one frame, when Receive returns or with Wait. If it lies where the
// frame that a handler has just been given does, it must not be changed after;
// other frames are copied. head and rest are as a handler gets them; they need
// Offloads. The error is ErrFull if there is no room now; then, and with any other
// error, the frame is not sent.
func (p *PathPort) Write(frame []byte, head abi.VNETHeader, rest [][]byte) error {
	r := p.nic.rings
	if r == nil {
		if head != (abi.VNETHeader{}) || len(rest) > 0 {
			return fmt.Errorf("sending a frame with something left to do: network device %q has no offloads", p.nic.name)
		}
		return p.nic.WriteFrame(frame)
	}
	if err := r.gone(); err != nil {
		return err
	}
	if whole, ok := p.inHand(frame, rest); ok {
		return p.pass(whole, head, len(rest) > 0)
	}
	return p.copy(frame, head, rest)
}

// inHand is the first piece of the frame in hand, with a header before it if it
// needs one, if that is the frame, and rest is the others or nothing.
func (p *PathPort) inHand(frame []byte, rest [][]byte) (whole umem.Frame, ok bool) {
	q := p.path
	if len(q.hand) == 0 || len(rest) > 0 && (len(rest) != len(q.rest) || &rest[0] != &q.rest[0]) {
		return 0, false
	}
	size := 0
	if p.Offloads() {
		size = abi.VNETHeaderBytes
	}
	return q.umem.Around(q.hand[0], frame, size)
}

// pass sends the frame in hand, with its other pieces or without.
func (p *PathPort) pass(whole umem.Frame, head abi.VNETHeader, others bool) error {
	q := p.path
	pieces := q.hand[1:]
	if !others {
		pieces = nil
	}
	if !p.takes(1 + len(pieces)) {
		return ErrFull
	}
	if p.Offloads() {
		head.Put(q.umem.Bytes(whole))
	}
	if others {
		whole = whole.WithMore()
	} else {
		q.freed = append(q.freed, q.hand[1:]...)
	}
	p.out = append(append(p.out, whole), pieces...)
	q.hand = nil
	return nil
}

// copy sends a copy of the frame.
func (p *PathPort) copy(frame []byte, head abi.VNETHeader, rest [][]byte) error {
	r := p.nic.rings
	parts := p.parts[:0]
	if p.Offloads() {
		head.Put(p.head[:])
		parts = append(parts, p.head[:])
	}
	if len(rest) > abi.UMEMMaxChain {
		return fmt.Errorf("sending a frame in %d pieces: the most are %d", len(rest), abi.UMEMMaxChain)
	}
	parts = append(append(parts, frame), rest...)
	r.sendMu.Lock()
	defer r.sendMu.Unlock()
	frames, err := r.compose(parts)
	if err != nil {
		return err
	}
	if len(frames) == 0 || !p.takes(len(frames)) {
		p.path.umem.ReleaseAll(frames)
		return ErrFull
	}
	p.out = append(p.out, frames...)
	return nil
}
