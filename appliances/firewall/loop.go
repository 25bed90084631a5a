package main

import (
	"fmt"
	"io"
	"time"

	"tender/guest/net/engine"
	"tender/guest/net/wire"
)

// nic is what the firewall needs of a network device; *guest.NIC is one.
type nic interface {
	MAC() [6]byte
	MTU() int
	TryReadFrame(p []byte) (n int, ok bool, err error)
	WriteFrame(p []byte) error
}

// poller waits for frames; *guest.Poller is one.
type poller interface {
	Wait(deadline time.Time) (ready uint64, err error)
}

// devices are the network devices in the order of ifaceNames, and a poller
// over them in that order.
type devices struct {
	nics   [2]nic
	poller poller
}

// batch is how many frames are taken from one device before the other gets
// its turn.
const batch = 64

// allReady is the set of both devices.
const allReady = 1<<outside | 1<<inside

// firewall is the engine at work on its devices.
type firewall struct {
	devices
	engine *engine.Engine
	buffer []byte
	out    io.Writer
	start  time.Time
	// stats and exit are when to print counters and when to end; the zero
	// time is never.
	stats, exit time.Time
	interval    time.Duration
}

// newFirewall makes the engine from the arguments and the devices.
func newFirewall(o *options, d devices, out io.Writer) (*firewall, error) {
	c := o.config
	c.Interfaces = nil
	longest := 0
	for i, name := range ifaceNames {
		n := o.config.Interfaces[i]
		n.Name, n.Port, n.MAC, n.MTU = name, d.nics[i], wire.MAC(d.nics[i].MAC()), d.nics[i].MTU()
		longest = max(longest, n.MTU)
		c.Interfaces = append(c.Interfaces, n)
	}
	e, err := engine.New(c)
	if err != nil {
		return nil, err
	}
	// One byte more than the longest frame shows that a frame is longer.
	f := &firewall{devices: d, engine: e, out: out, buffer: make([]byte, longest+wire.EthernetLen+1), interval: o.stats}
	f.start = time.Now()
	if o.stats > 0 {
		f.stats = f.start.Add(o.stats)
	}
	if o.exitAfter > 0 {
		f.exit = f.start.Add(o.exitAfter)
	}
	return f, nil
}

// String names the interfaces for the first line of output.
func (f *firewall) String() string {
	s := ""
	for i, name := range ifaceNames {
		s += fmt.Sprintf("%s=%v,mtu=%d ", name, wire.MAC(f.nics[i].MAC()), f.nics[i].MTU())
	}
	return s[:len(s)-1]
}

// loop forwards until the exit time, or until a device fails, and prints the
// last counters. It does not allocate while it forwards.
func (f *firewall) loop() error {
	f.engine.Announce()
	ready := uint64(allReady)
	for {
		now := time.Now()
		busy, err := f.drain(&ready, now)
		if err != nil {
			f.report("exit", now)
			return err
		}
		f.engine.Tick(f.nanos(now))
		if !f.stats.IsZero() && !now.Before(f.stats) {
			f.report("timer", now)
			for !f.stats.After(now) {
				f.stats = f.stats.Add(f.interval)
			}
		}
		if !f.exit.IsZero() && !now.Before(f.exit) {
			f.report("exit", now)
			return nil
		}
		if busy {
			continue
		}
		if ready, err = f.poller.Wait(f.deadline()); err != nil {
			f.report("exit", time.Now())
			return err
		}
	}
}

// drain takes up to a batch from each ready device. It reports whether there
// may be more; then both devices are ready, so that one that is never empty
// cannot keep the other waiting.
func (f *firewall) drain(ready *uint64, now time.Time) (busy bool, err error) {
	nanos := f.nanos(now)
	for i, n := range f.nics {
		for taken := 0; *ready>>i&1 == 1; taken++ {
			if taken == batch {
				busy = true
				break
			}
			size, ok, err := n.TryReadFrame(f.buffer)
			if err != nil {
				return false, err
			}
			if !ok {
				*ready &^= 1 << i
				break
			}
			f.engine.Input(i, f.buffer[:size], nanos)
		}
	}
	if busy {
		*ready = allReady
	}
	return busy, nil
}

// nanos is the engine's clock.
func (f *firewall) nanos(now time.Time) int64 { return int64(now.Sub(f.start)) }

// deadline is when there is something to do even if no frame comes.
func (f *firewall) deadline() time.Time {
	deadline := f.stats
	if deadline.IsZero() || !f.exit.IsZero() && f.exit.Before(deadline) {
		deadline = f.exit
	}
	if d := f.engine.Deadline(); d != engine.Never {
		if t := f.start.Add(time.Duration(d)); deadline.IsZero() || t.Before(deadline) {
			deadline = t
		}
	}
	return deadline
}
