package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"tender/abi"
	"tender/confine"
	"tender/datapath"
	"tender/hvt"
	"tender/image"
	"tender/machine"
	"tender/netback"
)

// leastProcs is the least number of places in the Go scheduler: for the threads
// that run the guest and move its frames, which keep theirs while they sleep
// shortly, and for all else. If none were free, Go's monitor would not rest.
const leastProcs = 4

// launch makes a machine of an image, its options and devices, confines the
// process and runs the guest; it returns the guest's exit status.
func launch(s stops, im *image.Image, opts *runOptions, devs *devices, std stdio) (int, error) {
	if std.own {
		runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), leastProcs))
	}
	m, err := newMachine(s.ask, im, opts, devs, std)
	if err != nil {
		return 0, err
	}
	told, err := tell(m, im, opts)
	if err != nil {
		return 0, errors.Join(err, m.Close())
	}
	if std.own && !opts.unconfined && !opts.process && !opts.debugged() {
		c := devs.confinement(std, opts.user)
		c.Stats = told.confinement()
		if err := confine.Apply(c); err != nil {
			return 0, errors.Join(fmt.Errorf("%w; or run it with --no-confine", err), m.Close())
		}
	}
	exit, err := machine.RunUntil(s.ask, s.end, m, opts.grace)
	err = errors.Join(err, told.close())
	if stuck := (*machine.StuckError)(nil); errors.As(err, &stuck) {
		// The devices are in use: they are left to the end of the process.
		std.say("%v", stuck)
		os.Exit(abi.ExitFailure)
	}
	status := exit.Status
	if vm, ok := m.(*hvt.VM); ok && opts.wantsCore(status, err) {
		dumpCore(vm, opts.coreDir, std)
	}
	if opts.process {
		err = processEnd(err)
	}
	return status, errors.Join(err, m.Close())
}

// framesMover is a machine whose network devices the tender serves by a thread.
type framesMover interface {
	NetCounters() []datapath.DeviceCounters
	PinIO(cpu int) error
}

// tell does what --cpu and --stats ask for; the result is nil without --stats.
func tell(m machine.Machine, im *image.Image, opts *runOptions) (*stats, error) {
	mover := m.(framesMover)
	if opts.cpu != nil {
		if err := mover.PinIO(*opts.cpu); err != nil {
			return nil, fmt.Errorf("--cpu=%d: %w", *opts.cpu, err)
		}
	}
	if opts.stats == "" {
		return nil, nil
	}
	told, err := openStats(opts.stats, im.Name)
	if err != nil {
		return nil, err
	}
	told.start(mover.NetCounters())
	return told, nil
}

// newMachine builds the machine the image is for.
func newMachine(ctx context.Context, im *image.Image, opts *runOptions, devs *devices, std stdio) (machine.Machine, error) {
	c := machine.Config{
		Image:    im,
		Args:     opts.args,
		MemBytes: opts.memBytes,
		Net:      devs.net,
		Block:    devs.block,
		Console:  std.out,
		Log:      std.say,
	}
	if opts.process {
		return newProcess(c, opts)
	}
	gdb, err := opts.prepareDebug(ctx, std)
	if err != nil {
		return nil, err
	}
	vm, err := hvt.New(hvt.Config{Config: c, Start: opts.start, KeepProc: std.own, GDB: gdb})
	if err != nil && gdb != nil {
		gdb.Close()
	}
	return vm, err
}

// confinement is what a confined tender goes on to use.
func (d *devices) confinement(std stdio, user *confine.User) confine.Config {
	c := confine.Config{User: user}
	for _, w := range []io.Writer{std.out, std.err} {
		if fd, ok := descriptor(w); ok && !slices.Contains(c.Output, fd) {
			c.Output = append(c.Output, fd)
		}
	}
	for _, dev := range d.net {
		c.Frames = append(c.Frames, dev.FD())
		if _, ok := dev.(netback.Batcher); ok {
			c.Sockets = append(c.Sockets, dev.FD())
		}
		if o, ok := dev.(netback.Offloader); ok && o.HasHeader() {
			c.Offloads = true
		}
	}
	for _, dev := range d.block {
		c.Disks = append(c.Disks, dev.FD())
	}
	slices.Sort(c.Frames)
	slices.Sort(c.Sockets)
	slices.Sort(c.Disks)
	return c
}

// descriptor is that of an open file; unlike os.File's Fd, it leaves the mode
// of a non-blocking one, which others share, as it is.
func descriptor(w io.Writer) (fd int, ok bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, false
	}
	err = conn.Control(func(n uintptr) { fd = int(n) })
	return fd, err == nil
}
