package main

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/hvt"
	"tender/image"
	"tender/machine"
	"tender/spt"
)

// checkTarget says whether the image can run as the options have it, and
// remembers under which tender: spt if that is asked for or the image is for
// nothing else.
func (o *runOptions) checkTarget(im *image.Image) error {
	if o.process = o.process || im.Target == abi.TargetSPT; !o.process {
		return im.CheckTarget(abi.TargetHVT, abi.VersionHVT)
	}
	if err := spt.CheckImage(im); err != nil {
		return err
	}
	switch {
	case o.start != hvt.StartAuto:
		return errors.New("--start is for hvt guests, this one runs as a process: drop the option")
	case o.debugged():
		return errors.New("--gdb and --dumpcore are for hvt guests, this one runs as a process: drop the option, and use gdb -p and the host's core files")
	case o.user != nil:
		return errors.New("--user is for hvt guests, this one runs as a process without any rights: drop the option, or start tender as that user")
	}
	return nil
}

// newProcess builds the process of an spt guest.
func newProcess(c machine.Config, opts *runOptions) (machine.Machine, error) {
	if opts.execHeap {
		c.Logf("WARNING: the guest's heap is executable, which makes it easier to take over")
	}
	return spt.New(spt.Config{Config: c, ExecHeap: opts.execHeap})
}

// deathBySignal is the end of a command that a signal asked to end, by that
// signal: an spt guest and its tender are one process to those who watch it.
type deathBySignal struct{ syscall.Signal }

func (deathBySignal) Error() string { return "ended by a signal" }

// processEnd makes of an error of an spt guest what ends the command.
func processEnd(err error) error {
	var asked exitSignal
	var death *spt.SignalError
	switch {
	case errors.As(err, &asked):
		return deathBySignal{asked.Signal}
	case errors.As(err, &death) && (death.Signal == unix.SIGINT || death.Signal == unix.SIGTERM):
		return deathBySignal{death.Signal} // the terminal sent it to both
	}
	return err
}

// end reports what ended a run and returns the exit status. It does not
// return from a signal that ends the whole process.
func (s stdio) end(err error) int {
	var asked deathBySignal
	var death *spt.SignalError
	switch {
	case errors.As(err, new(closeError)): // status 1, whatever else
	case errors.As(err, &asked):
		if s.own {
			return dieOf(asked.Signal)
		}
		return 128 + int(asked.Signal)
	case errors.As(err, &death):
		s.say("%v", err)
		return death.Status()
	}
	return s.fail(err)
}
