package datapath

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"tender/netback"
)

// idleRounds is how often the thread looks in vain before it sleeps. Between two
// looks it lets others run.
const idleRounds = 150

// Where a look takes no system call, there is a pause after it: it reads words that the
// kernel writes for each frame, which slows the kernel. While nobody else wants the CPU,
// others are let run after several pauses; a yield that returns within alone has shown
// that. A guest that sleeps is woken after freeLull looks in vain.
const (
	freeRounds = 50
	freeLooks  = 8
	freeLull   = 4
	freePause  = 4 * time.Microsecond
	alone      = 2 * time.Microsecond
)

// untoldRounds is after how many rounds a guest that sleeps is woken if frames keep
// coming: it then finds a batch.
const untoldRounds = 16

// Thread moves the frames of one guest, on an operating system thread of its own.
type Thread struct {
	umem  *UMEM
	ports []*port
	ring  *uring // nil where there is no io_uring

	doorbell int // eventfd: the guest, or Stop
	wake     int // eventfd: the guest waits for it
	fds      []unix.PollFd
	soon     unix.Timespec
	stopping atomic.Bool
	last     bool // the round began after Stop
	untold   int  // rounds that a guest that sleeps has to know of
	free     bool // a look takes no system call
	looks    int  // in vain, before others are let run
	vain     int  // looks since they were
	ended    chan error
	// begin has the thread of Pin serve; closed, it has it end. It is nil
	// without one.
	begin   chan func()
	counted func(tag uint64, result int32)
}

// NewThread connects the devices, in the order of the handles given to NewUMEM.
// doorbell and wake are eventfds, non-blocking and still the caller's; so are
// the devices. If the kernel refuses io_uring, frames move by one system call each, and
// notice says why; it may be nil. The caller calls Start, or Close.
func NewThread(u *UMEM, devices []netback.Device, doorbell, wake int, notice func(format string, args ...any)) (*Thread, error) {
	if len(devices) != u.layout.ports {
		return nil, fmt.Errorf("a UMEM for %d devices has been given %d", u.layout.ports, len(devices))
	}
	t := newThread(u, devices, doorbell, wake)
	var err error
	if t.ring, err = newUring(u.memory); err != nil && notice != nil {
		notice("frames are moved without io_uring, at about half its speed: %v", err)
	}
	return t, nil
}

// newThread is one without io_uring.
func newThread(u *UMEM, devices []netback.Device, doorbell, wake int) *Thread {
	t := &Thread{umem: u, doorbell: doorbell, wake: wake, free: true, looks: 1, soon: unix.NsecToTimespec(int64(soon)), ended: make(chan error, 1)}
	t.fds = append(t.fds, unix.PollFd{Fd: int32(doorbell), Events: unix.POLLIN})
	for i, d := range devices {
		t.ports = append(t.ports, newPort(u, i, d))
		t.fds = append(t.fds, unix.PollFd{Fd: int32(d.FD()), Events: unix.POLLIN})
		t.free = t.free && t.ports[i].batcher != nil
	}
	t.counted = t.result
	return t
}

// Counters are those of the device with an index.
func (t *Thread) Counters(i int) *Counters { return &t.ports[i].counters }

// Pin makes the operating system thread now that will serve the rings, and keeps
// it on one CPU, the first being 0. It is called before Start, at most once.
func (t *Thread) Pin(cpu int) error {
	if cpu < 0 || cpu >= maxCPUs {
		return fmt.Errorf("there is no CPU %d: give one of 0 to %d", cpu, runtime.NumCPU()-1)
	}
	pinned := make(chan error)
	begin := make(chan func(), 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends
		var set unix.CPUSet
		set.Set(cpu)
		err := unix.SchedSetaffinity(0, &set)
		pinned <- err
		if serve, ok := <-begin; ok && err == nil {
			serve()
		}
	}()
	if err := <-pinned; err != nil {
		close(begin)
		return fmt.Errorf("keeping the thread that moves frames on CPU %d: %w; is it online, and does this process have it (taskset -p %d)?", cpu, err, os.Getpid())
	}
	t.begin = begin
	return nil
}

// maxCPUs is what a unix.CPUSet holds.
const maxCPUs = 1024

// Start serves the rings until Stop. A failure ends the service and is reported
// to failed, once, and to Stop: a *BreachError is the guest's fault.
func (t *Thread) Start(failed func(error)) {
	serve := func() {
		err := t.serve()
		if err != nil && failed != nil {
			failed(err)
		}
		t.ended <- err
	}
	if t.begin != nil {
		t.begin <- serve
		return
	}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		serve()
	}()
}

// Stop ends the service after what the guest has queued is sent, and waits
// for it. It is called once after Start, when the guest does not run any more.
func (t *Thread) Stop() error {
	t.stopping.Store(true)
	if err := ring8(t.doorbell); err != nil {
		return err
	}
	return <-t.ended
}

// Close releases what NewThread and Pin made, once the service has ended.
func (t *Thread) Close() error {
	if t.begin != nil {
		close(t.begin)
		t.begin = nil
	}
	if t.ring == nil {
		return nil
	}
	return t.ring.close()
}

func (t *Thread) serve() error {
	rounds, lull := idleRounds, 1
	if t.free {
		rounds, lull = freeRounds, freeLull
	}
	for idle := 0; ; {
		t.last = t.stopping.Load()
		moved, news, err := t.round()
		if err != nil {
			return err
		}
		if idle++; moved {
			idle = 0
		}
		if err := t.tell(news, idle >= lull); err != nil {
			return err
		}
		switch {
		case moved:
		case t.last:
			return nil
		case idle >= rounds:
			if err := t.sleep(); err != nil {
				return err
			}
			idle = 0
		default:
			t.yield()
		}
	}
}

// yield lets others run after a look in vain, or pauses: they may run for long, so
// a guest that has to know is told before.
func (t *Thread) yield() {
	if !t.free {
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		return
	}
	began := time.Now()
	if t.vain++; t.vain < t.looks || t.untold > 0 {
		for time.Since(began) < freePause {
		}
		return
	}
	t.vain = 0
	unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	if time.Since(began) < alone {
		t.looks = min(2*t.looks, freeLooks)
	} else {
		t.looks = 1
	}
}

// tell wakes a guest that sleeps and has to know of this round or of those before,
// once those are enough or nothing more comes: lull.
func (t *Thread) tell(news, lull bool) error {
	if news {
		t.untold++
	}
	if t.untold == 0 || !lull && t.untold < untoldRounds {
		return nil
	}
	t.untold = 0
	if !t.umem.guestWaits() {
		return nil
	}
	if err := ring8(t.wake); err != nil {
		return fmt.Errorf("waking the guest: %w", err)
	}
	return nil
}

// round moves up to a batch of frames for each device in each direction. It says
// whether anything has moved, and whether a guest that sleeps has to know.
func (t *Thread) round() (moved, news bool, err error) {
	for i, p := range t.ports {
		if p.choice.pending() && p.transmit.waiting() == 0 {
			p.choice.follow()
			p.forget() // what waits is of the kind before
		}
		if err := p.prepareWrites(t.umem); err != nil {
			return false, false, err
		}
		byRing := t.ring != nil && p.batcher == nil
		if err := p.prepareReads(t.umem, t.last, byRing); err != nil {
			return false, false, err
		}
		if !byRing {
			t.moveNow(p)
			continue
		}
		if t.ring.room() < p.nsend+p.reads() {
			if err := t.ring.submit(t.counted); err != nil {
				return false, false, err
			}
		}
		t.queue(uint64(i)<<tagPort, p)
	}
	if t.ring != nil {
		if err := t.ring.submit(t.counted); err != nil {
			return false, false, err
		}
	}
	sent, dry := false, false
	for _, p := range t.ports {
		m, n := p.finish(t.umem)
		told := p.tellGone(t.umem)
		moved, news = moved || m || told, news || n || told
		sent, dry = sent || p.nsend+p.refused > 0, dry || !p.canReceive()
	}
	// Chunks come back to a guest that has none to receive into.
	return moved, news || sent && dry, nil
}

// Tags of queued operations: device, direction and place in the batch.
const (
	tagWrite = 1 << 8
	tagPort  = 16
)

// queue has the io_uring do a device's operations of a round.
func (t *Thread) queue(tag uint64, p *port) {
	p.choice.used = 0
	for n := range p.nsend {
		parts := p.frame(n)
		if frame := p.choice.whole(t.umem, parts); frame != nil {
			t.ring.queue(opWriteFixed, p.fd, frame, tag|tagWrite|uint64(n))
		} else {
			t.ring.queueVectors(opWritev, p.fd, p.choice.gather(t.umem, parts), tag|tagWrite|uint64(n))
		}
	}
	for n := range p.reads() {
		if p.scatter.on {
			t.ring.queueVectors(opReadv, p.fd, p.choice.gather(t.umem, p.run(n)), tag|uint64(n))
		} else if p.choice.chains() {
			t.ring.queue(opRead, p.fd, p.choice.buffer(n), tag|uint64(n))
		} else {
			t.ring.queue(opReadFixed, p.fd, t.umem.bytes(p.free[n]), tag|uint64(n))
		}
	}
}

// moveNow does a device's operations of a round without the io_uring.
func (t *Thread) moveNow(p *port) {
	for n := range p.nsend {
		parts := p.frame(n)
		frame := p.choice.whole(t.umem, parts)
		if frame == nil {
			frame = p.choice.join(t.umem, parts)
		}
		p.sendResult[n] = p.write(frame)
	}
	p.flush()
	for n := range p.reads() {
		var room []byte
		if p.choice.chains() {
			room = p.choice.buffer(n)
		} else {
			room = t.umem.bytes(p.free[n])
		}
		p.readResult[n] = p.read(room)
		if p.readResult[n] <= 0 {
			p.reading = n + 1
			break
		}
	}
}

// result stores what became of a queued operation.
func (t *Thread) result(tag uint64, result int32) {
	p := t.ports[tag>>tagPort]
	if tag&tagWrite != 0 {
		p.sendResult[tag&(tagWrite-1)] = result
	} else {
		p.readResult[tag&(tagWrite-1)] = result
	}
}

// soon is how long frames that the host has no room for wait to be tried again.
const soon = time.Millisecond

// sleep waits until a device that the guest has room for is readable, the doorbell
// rings, or frames are to be tried again.
func (t *Thread) sleep() error {
	t.umem.sleeps(true)
	defer t.umem.sleeps(false)
	if t.stopping.Load() {
		return nil
	}
	var timeout *unix.Timespec
	for i, p := range t.ports {
		if p.hasWork() {
			return nil
		}
		if p.left {
			timeout = &t.soon
		}
		t.fds[i+1].Fd = -1
		if p.canReceive() {
			t.fds[i+1].Fd = int32(p.fd)
		}
	}
	if _, err := Poll(t.fds, timeout); err != nil && err != unix.EINTR {
		return fmt.Errorf("waiting for the network devices: %w", err)
	}
	for i, p := range t.ports {
		// A device in error for good must not keep the thread awake. For a
		// socket whose interface went down it is just news.
		if e := t.fds[i+1].Revents; e&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 && e&unix.POLLIN == 0 {
			p.suspect = true
		}
	}
	if t.fds[0].Revents != 0 {
		return drain8(t.doorbell)
	}
	return nil
}
