package main

import (
	"fmt"
	"io"
	"time"

	"tender/guest/net/engine"
	"tender/guest/net/link"
	"tender/guest/net/wire"
)

// poller waits for frames; *guest.Path is one.
type poller interface {
	Wait(deadline time.Time) (ready uint64, err error)
}

// devices are the network devices in the order of ifaceNames, and a poller
// over them in that order.
type devices struct {
	nics   [2]link.Device
	poller poller
}

// allReady is the set of both devices.
const allReady = 1<<outside | 1<<inside

// firewall is the engine at work on its devices.
type firewall struct {
	devices
	engine *engine.Engine
	links  [2]*link.Link // of the devices
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
	f := &firewall{devices: d, out: out, interval: o.stats}
	for i, name := range ifaceNames {
		f.links[i] = link.New(d.nics[i])
		n := o.config.Interfaces[i]
		n.Name, n.Port, n.MAC, n.MTU = name, f.links[i], wire.MAC(d.nics[i].MAC()), d.nics[i].MTU()
		c.Interfaces = append(c.Interfaces, n)
	}
	var err error
	if f.engine, err = engine.New(c); err != nil {
		return nil, err
	}
	for i, l := range f.links {
		l.Attach(f.engine, i)
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
		busy, err := link.Drain(f.links[:], ready, f.nanos(now))
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
			// One that is never empty must not keep the other waiting.
			ready = allReady
			continue
		}
		if ready, err = f.poller.Wait(f.deadline()); err != nil {
			f.report("exit", time.Now())
			return err
		}
	}
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
