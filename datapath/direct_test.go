package datapath

import (
	"testing"

	"golang.org/x/sys/unix"

	"tender/guest/umem"
	"tender/netback"
)

// batchDevice is a Batcher that notes what it is asked for. Its descriptor is a
// pipe's end, which only poll sees.
type batchDevice struct {
	netback.Device
	waiting        int // frames to read
	room           int // frames that it queues
	queued, sent   int
	flushes, stuck int // calls, and how many of them leave frames
	refused        error
	mostAtOnce     int
}

func (d *batchDevice) ReadFrame(p []byte) (int, error) {
	if d.waiting == 0 {
		return 0, unix.EAGAIN
	}
	d.waiting--
	return copy(p, sealed(d.waiting, 60)), nil
}

func (d *batchDevice) QueueFrame(p []byte) error {
	switch {
	case d.refused != nil:
		return d.refused
	case d.queued == d.room:
		return unix.EAGAIN
	}
	d.queued++
	return nil
}

func (d *batchDevice) Flush() (left bool) {
	d.flushes++
	if d.stuck > 0 {
		d.stuck--
		return true
	}
	d.mostAtOnce = max(d.mostAtOnce, d.queued)
	d.sent += d.queued
	d.queued = 0
	return false
}

// newBatchBench is a bench whose first device is a batchDevice.
func newBatchBench(t *testing.T) (*bench, *batchDevice, *umem.UMEM) {
	t.Helper()
	d := &batchDevice{room: 1 << 20}
	b := newBenchWith(t, func(u *UMEM, devices []netback.Device, doorbell, wake int) (*Thread, error) {
		d.Device = devices[0]
		return NewThread(u, []netback.Device{d, devices[1]}, doorbell, wake, t.Logf)
	})
	guest, err := umem.New(b.memory)
	check(t, err)
	guest.Port(1).Lend()
	guest.Port(2).Lend()
	return b, d, guest
}

// rounds drives the thread until nothing moves.
func (b *bench) rounds(t testing.TB) {
	t.Helper()
	for range 1000 {
		moved, _, err := b.round()
		check(t, err)
		if !moved {
			return
		}
	}
	t.Fatal("frames move for ever")
}

// echo has the guest send what it has received on the first device.
func (b *bench) echo(guest *umem.UMEM) {
	var frames [4096]umem.Frame
	n := guest.Port(1).Receive(frames[:])
	guest.Port(1).Send(frames[:n])
}

// Frames of a batcher leave together, all of them, and each is counted once.
func TestBatcher(t *testing.T) {
	b, d, guest := newBatchBench(t)
	d.waiting = 1000
	for range 20 {
		_, _, err := b.round()
		check(t, err)
		b.echo(guest)
	}
	b.rounds(t)
	c := b.Counters(0)
	if c.Received.Load() != 1000 || c.Sent.Load() != 1000 || c.NotSent() != 0 || d.sent != 1000 || d.queued != 0 {
		t.Errorf("%d received, %d sent, %d not; the device sent %d and has %d", c.Received.Load(), c.Sent.Load(), c.NotSent(), d.sent, d.queued)
	}
	if d.flushes > 2*1000/enough || d.mostAtOnce < enough {
		t.Errorf("%d flushes, of %d frames at most", d.flushes, d.mostAtOnce)
	}
	flushes := d.flushes
	for range 100 {
		b.rounds(t)
	}
	if d.flushes != flushes {
		t.Errorf("%d flushes with nothing to send", d.flushes-flushes)
	}
}

// One frame does not wait for others.
func TestBatcherOneFrame(t *testing.T) {
	b, d, guest := newBatchBench(t)
	d.waiting = 1
	b.rounds(t)
	b.echo(guest)
	b.rounds(t)
	if d.sent != 1 {
		t.Errorf("%d frames sent", d.sent)
	}
}

// What the host has no room for is tried again, soon also while all sleep; what the
// device has no room for is counted, as is what it refuses.
func TestBatcherStuck(t *testing.T) {
	b, d, guest := newBatchBench(t)
	d.waiting, d.room, d.stuck = 100, 60, 3
	b.rounds(t)
	b.echo(guest)
	b.rounds(t)
	if d.sent != 0 || !b.ports[0].left {
		t.Errorf("%d frames sent, left %v", d.sent, b.ports[0].left)
	}
	for range d.stuck + 1 {
		check(t, b.sleep()) // ends by itself
		b.rounds(t)
	}
	c := b.Counters(0)
	if d.sent != 60 || b.ports[0].left || c.Sent.Load() != 60 || c.Dropped(SendFull) != 40 {
		t.Errorf("%d frames left the device; %d sent, %d full", d.sent, c.Sent.Load(), c.Dropped(SendFull))
	}
	for errno, reason := range map[unix.Errno]Drop{unix.EIO: SendDown, unix.ENODEV: SendGone, unix.EINVAL: SendInvalid} {
		d.waiting, d.refused = 10, errno
		b.rounds(t)
		b.echo(guest)
		b.rounds(t)
		if n := c.Dropped(reason); n != 10 {
			t.Errorf("%v: %d frames dropped as %v", errno, n, reason)
		}
	}
}
