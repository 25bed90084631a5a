package reliability

import (
	"container/heap"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/guest/net/wire"
	"tender/tests/rig"
)

// impairment is what a line does to frames. Probabilities are from 0 to 1.
type impairment struct {
	lose, duplicate float64
	// corrupt turns over one bit of an IP packet. ARP has no checksum that
	// could tell.
	corrupt float64
	// reorder holds a frame back for some milliseconds, while others pass.
	reorder float64
	// delay is that of each frame, and jitter the most that is added.
	delay, jitter time.Duration
}

// relay is the line between a TAP, at which the client's kernel is, and a socket
// for a tender. It stands in for sch_netem where the kernel does not have that
// (TestNetem says so), and what it does is the same for the same seed.
type relay struct {
	toGuest, toClient *lane
	// seen gets each frame of the guest, if it is set.
	seen atomic.Pointer[func(frame []byte)]
}

// newRelay attaches a TAP. The other end of the line, for the tender, is the
// caller's to close.
func newRelay(ns *rig.Namespace, tap string, seed uint64) (r *relay, guest *os.File, err error) {
	client, err := ns.OpenTAP(tap)
	if err != nil {
		return nil, nil, err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		client.Close()
		return nil, nil, err
	}
	ours, guest := os.NewFile(uintptr(pair[0]), "line"), os.NewFile(uintptr(pair[1]), "line")
	r = &relay{toGuest: newLane(client, ours, seed, 0), toClient: newLane(ours, client, seed, 1)}
	go r.toGuest.run(nil)
	go r.toClient.run(func(frame []byte) {
		if seen := r.seen.Load(); seen != nil {
			(*seen)(frame)
		}
	})
	return r, guest, nil
}

// impair sets what happens to frames from now on, in both directions.
func (r *relay) impair(i impairment) {
	r.toGuest.rules.Store(&i)
	r.toClient.rules.Store(&i)
}

// inject gives the guest a frame. It waits while the line is full.
func (r *relay) inject(frame []byte) error {
	_, err := r.toGuest.to.Write(frame)
	return err
}

// close ends the line.
func (r *relay) close() error {
	return errors.Join(r.toGuest.from.Close(), r.toClient.from.Close())
}

// lane is one direction of a relay.
type lane struct {
	from, to *os.File
	random   *rand.Rand
	rules    atomic.Pointer[impairment]

	mu      sync.Mutex
	waiting timeline
	timer   *time.Timer
}

// laneFrames is how many frames may wait. More are lost.
const laneFrames = 4096

func newLane(from, to *os.File, seed, direction uint64) *lane {
	l := &lane{from: from, to: to, random: rand.New(rand.NewPCG(seed, direction))}
	l.rules.Store(&impairment{})
	l.timer = time.AfterFunc(time.Hour, l.deliver)
	return l
}

// run moves frames until the relay is closed.
func (l *lane) run(seen func(frame []byte)) {
	defer l.timer.Stop()
	for buffer := make([]byte, 1<<16); ; {
		n, err := l.from.Read(buffer)
		if errors.Is(err, fs.ErrClosed) || n == 0 {
			return
		}
		frame := buffer[:max(n, 0)]
		if seen != nil {
			seen(frame)
		}
		rules := l.rules.Load()
		f := rules.fate(l.random)
		if f.flip > 0 && n > wire.EthernetLen && wire.Ethernet(frame).Type() != wire.TypeARP {
			bit := wire.EthernetLen*8 + int(f.flip*float64((n-wire.EthernetLen)*8))
			frame[bit/8] ^= 1 << (bit % 8)
		}
		for range f.copies {
			l.send(frame, f.delay)
		}
	}
}

// send delivers a frame after a delay. A device that is down takes none; then
// the frame is lost.
func (l *lane) send(frame []byte, delay time.Duration) {
	if delay == 0 {
		l.to.Write(frame)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == laneFrames {
		return
	}
	heap.Push(&l.waiting, delayed{time.Now().Add(delay), append([]byte(nil), frame...)})
	l.timer.Reset(time.Until(l.waiting[0].due))
}

// deliver sends what is due.
func (l *lane) deliver() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > 0 {
		if left := time.Until(l.waiting[0].due); left > 0 {
			l.timer.Reset(left)
			return
		}
		l.to.Write(heap.Pop(&l.waiting).(delayed).frame)
	}
}

// fate is what happens to one frame.
type fate struct {
	copies int     // 0: it is lost
	flip   float64 // where a bit is turned over; 0: nowhere
	delay  time.Duration
}

// heldBack is how long a reordered frame waits at least; it may be twice that.
const heldBack = 2 * time.Millisecond

// fate draws as many numbers for each frame, so that what happens to one does not
// depend on what happened to those before.
func (i *impairment) fate(random *rand.Rand) fate {
	var draw [6]float64
	for n := range draw {
		draw[n] = random.Float64()
	}
	f := fate{copies: 1, delay: i.delay + time.Duration(draw[0]*float64(i.jitter))}
	if draw[1] < i.lose {
		return fate{}
	}
	if draw[2] < i.duplicate {
		f.copies = 2
	}
	if draw[3] < i.corrupt {
		f.flip = draw[4]
	}
	if draw[5] < i.reorder {
		f.delay += heldBack + time.Duration(draw[4]*float64(heldBack))
	}
	return f
}

// delayed is a frame on its way, and timeline those of a lane, the next one to
// arrive first.
type (
	delayed struct {
		due   time.Time
		frame []byte
	}
	timeline []delayed
)

func (t timeline) Len() int           { return len(t) }
func (t timeline) Less(i, j int) bool { return t[i].due.Before(t[j].due) }
func (t timeline) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }
func (t *timeline) Push(x any)        { *t = append(*t, x.(delayed)) }
func (t *timeline) Pop() any {
	last := len(*t) - 1
	d := (*t)[last]
	(*t)[last] = delayed{}
	*t = (*t)[:last]
	return d
}

// TestFates wants the same fates for the same seed, and as many of each kind as
// were asked for.
func TestFates(t *testing.T) {
	t.Parallel()
	const frames = 20000
	i := impairment{lose: 0.1, duplicate: 0.2, corrupt: 0.3, reorder: 0.4}
	one, other := rand.New(rand.NewPCG(7, 0)), rand.New(rand.NewPCG(7, 0))
	var lost, twice, wrong, late float64
	for range frames {
		f := i.fate(one)
		if g := i.fate(other); g != f {
			t.Fatalf("%+v and %+v for the same seed", f, g)
		}
		if f.copies == 0 {
			lost++
			continue
		}
		if f.copies == 2 {
			twice++
		}
		if f.flip > 0 {
			wrong++
		}
		if f.delay > 0 {
			late++
		}
	}
	for name, share := range map[string][2]float64{
		"lost": {lost / frames, 0.1}, "duplicated": {twice / frames, 0.9 * 0.2},
		"damaged": {wrong / frames, 0.9 * 0.3}, "late": {late / frames, 0.9 * 0.4},
	} {
		if diff := share[0] - share[1]; diff < -0.02 || diff > 0.02 {
			t.Errorf("%s: %.3f of the frames, want %.3f", name, share[0], share[1])
		}
	}
}
