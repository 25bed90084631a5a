package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tender/tests/rig"
)

// path is two hosts with a system between them.
type path struct {
	outside, inside *rig.Namespace
	// Devices are the interfaces of both hosts.
	outsideDevice, insideDevice string
	close                       func() error
	// threaded says that Linux's ports have threads of their own.
	threaded bool

	// The tender's process, 0 for Linux; the rest is of a tender only.
	tender    int
	spt       bool
	placement placement
	ioThread  int // moves frames
	console   *rig.Console
	stats     string // the socket where it tells its counters
}

// open builds the system, and waits until it forwards. The caller closes the
// path.
func (c *candidate) open(ctx context.Context) (*path, error) {
	p, err := c.build()
	if err != nil {
		return nil, err
	}
	if err = p.awake(ctx); err == nil && p.tender != 0 {
		err = p.settle()
	}
	if err != nil {
		return nil, errors.Join(err, p.alive(), p.close())
	}
	return p, nil
}

// awake waits until the hosts reach each other.
func (p *path) awake(ctx context.Context) error {
	out := ""
	for range 20 {
		var err error
		if out, err = p.outside.Run(ctx, 2*time.Second, "ping", "-n", "-c", "1", "-W", "1", rig.InsideHost); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the hosts do not reach each other: %s", out)
}

// alive is an error once the tender has ended.
func (p *path) alive() error {
	if p.tender == 0 {
		return nil
	}
	ended, err := rig.Ended(p.tender)
	if err != nil {
		return err
	}
	if ended {
		return fmt.Errorf("the tender has ended:\n%s", p.console.Tail())
	}
	return nil
}

// flooded calls work with a flood that is ready.
func (p *path) flooded(work func(*flood) error) error {
	if err := p.offerThreads(true); err != nil {
		return err
	}
	f, err := newFlood(p)
	if err != nil {
		return err
	}
	defer f.close()
	return errors.Join(work(f), p.offerThreads(false))
}
