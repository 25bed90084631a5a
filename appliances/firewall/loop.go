package main

import (
	"fmt"
	"io"
	"time"

	"tender/abi"
	"tender/guest"
	"tender/guest/net/engine"
	"tender/guest/net/wire"
)

// nic is what the firewall needs of a network device; *guest.PathPort is one.
type nic interface {
	MAC() [6]byte
	MTU() int
	Receive(handle guest.Handler) (n int, err error)
	WriteFrame(p []byte) error
}

// poller waits for frames; *guest.Path is one.
type poller interface {
	Wait(deadline time.Time) (ready uint64, err error)
}

// devices are the network devices in the order of ifaceNames, and a poller
// over them in that order.
type devices struct {
	nics   [2]nic
	poller poller
}

// allReady is the set of both devices.
const allReady = 1<<outside | 1<<inside

// firewall is the engine at work on its devices.
type firewall struct {
	devices
	engine *engine.Engine
	// handlers take the frames of the devices, which come in at nanos.
	handlers [2]guest.Handler
	nanos    int64
	out      io.Writer
	start    time.Time
	// stats and exit are when to print counters and when to end; the zero
	// time is never.
	stats, exit time.Time
	interval    time.Duration
}

// newFirewall makes the engine from the arguments and the devices.
func newFirewall(o *options, d devices, out io.Writer) (*firewall, error) {
	c := o.config
	c.Interfaces = nil
	for i, name := range ifaceNames {
		n := o.config.Interfaces[i]
		n.Name, n.Port, n.MAC, n.MTU = name, d.nics[i], wire.MAC(d.nics[i].MAC()), d.nics[i].MTU()
		c.Interfaces = append(c.Interfaces, n)
	}
	e, err := engine.New(c)
	if err != nil {
		return nil, err
	}
	f := &firewall{devices: d, engine: e, out: out, interval: o.stats}
	for i := range f.handlers {
		f.handlers[i] = func(frame []byte, _ abi.VNETHeader, _ [][]byte) { e.Input(i, frame, f.nanos) }
	}
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
		f.engine.Tick(f.nanos)
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

// drain takes what one turn of each ready device gives. It reports whether there
// may be more; then both devices are ready, so that one that is never empty
// cannot keep the other waiting.
func (f *firewall) drain(ready *uint64, now time.Time) (busy bool, err error) {
	f.nanos = int64(now.Sub(f.start))
	for i, n := range f.nics {
		if *ready>>i&1 == 0 {
			continue
		}
		count, err := n.Receive(f.handlers[i])
		if err != nil {
			return false, err
		}
		busy = busy || count > 0
	}
	if busy {
		*ready = allReady
	}
	return busy, nil
}

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
