package appliance

import (
	"context"
	"fmt"
	"os"
	"time"

	"tender/guest/net/engine"
	"tender/guest/net/link"
	"tender/guest/net/wire"
)

// Poller waits for frames; *guest.Path is one.
type Poller interface {
	// Wait returns the set of devices that have frames, or none at the
	// deadline; the zero time is no deadline.
	Wait(deadline time.Time) (ready uint64, err error)
}

// clock is the engine's: nanoseconds since the start.
type clock struct{ start time.Time }

func (c clock) nanos(now time.Time) int64 { return int64(now.Sub(c.start)) }

// prepare does what can be done before the first frame.
func (a *Appliance) prepare() error {
	a.clock.start = time.Now()
	if s := a.program.Syslog; s != nil {
		a.sender = newSender(a, *s)
		a.journal.SetServer(a.sender.send)
	}
	return a.startTimers()
}

// Run forwards until ctx is cancelled or a device fails. It does not allocate
// while it forwards. The cancelling is noticed when something happens next.
func (a *Appliance) Run(ctx context.Context) error {
	if a.sampler != nil {
		stop := a.sampler.start()
		defer stop()
	}
	a.engine.Announce()
	all := uint64(1)<<len(a.devices) - 1
	ready := all
	for ctx.Err() == nil {
		now := time.Now()
		a.journal.SetTime(now)
		busy, err := link.Drain(a.devices, ready, a.clock.nanos(now))
		if err != nil {
			return err
		}
		a.tick(now)
		if err := a.journal.Flush(); err != nil {
			return fmt.Errorf("writing to the console: %w", err)
		}
		if busy {
			// One that is never empty must not keep the others waiting.
			ready = all
			continue
		}
		if ready, err = a.poller.Wait(a.deadline()); err != nil {
			return err
		}
	}
	return nil
}

// tick does what is due.
func (a *Appliance) tick(now time.Time) {
	nanos := a.clock.nanos(now)
	a.engine.Tick(nanos)
	for _, k := range a.askers {
		k.tick(nanos)
	}
	a.tickTimers(now)
}

// deadline is when there is something to do even if no frame comes.
func (a *Appliance) deadline() time.Time {
	deadline := a.timerDeadline()
	d := a.engine.Deadline()
	for _, k := range a.askers {
		d = min(d, k.deadline())
	}
	if d != engine.Never {
		if t := a.clock.start.Add(time.Duration(d)); deadline.IsZero() || t.Before(deadline) {
			deadline = t
		}
	}
	return deadline
}

// Main opens the devices of a program and runs it until one fails; it is all
// of a main function. It ends with status 1 and a message if something is
// wrong.
func Main(p *Program) {
	if err := run(p); err != nil {
		fmt.Fprintf(os.Stderr, "appliance: %v\n", err)
		os.Exit(1)
	}
}

func run(p *Program) error {
	devices, path, err := link.Open(p.NICs...)
	if err != nil {
		return err
	}
	a, err := New(p, devices, path, os.Stdout)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stdout, a)
	return a.Run(context.Background())
}

// String has one line for each interface of the program.
func (a *Appliance) String() string {
	s := ""
	for i := range a.program.Ifaces {
		f := &a.program.Ifaces[i]
		d, _ := a.deviceOf(f)
		s += fmt.Sprintf("%s: mac %v mtu %d", f.Name, wire.MAC(a.devices[d].MAC()), a.devices[d].MTU())
		if f.VLAN != 0 {
			s += fmt.Sprintf(" vlan %d", f.VLAN)
		}
		if f.Mode != Static {
			s += " dhcp"
		} else if f.Address.Bits > 0 {
			s += fmt.Sprintf(" %v", f.Address)
		}
		if f.Address6.Bits > 0 {
			s += fmt.Sprintf(" %v", f.Address6)
		}
		s += "\n"
	}
	return s
}
