package spt

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// SignalError says that a signal ended a guest: it crashed, made a system call
// it may not, or somebody killed it.
type SignalError struct {
	// Guest is the image's name.
	Guest  string
	Signal syscall.Signal
}

// Status is the exit status by which a shell shows the signal.
func (e *SignalError) Status() int { return 128 + int(e.Signal) }

func (e *SignalError) Error() string {
	name := unix.SignalName(e.Signal)
	if name == "" {
		name = fmt.Sprintf("signal %d", int(e.Signal))
	}
	return fmt.Sprintf("%s: %s (%s)", e.Guest, meaning(e.Signal), name)
}

func meaning(signal syscall.Signal) string {
	switch signal {
	case unix.SIGSYS:
		return "made a system call that it is not allowed"
	case unix.SIGSEGV, unix.SIGBUS:
		return "crashed: accessed memory it has no right to"
	case unix.SIGILL:
		return "crashed: invalid instruction"
	case unix.SIGFPE:
		return "crashed: arithmetic error"
	case unix.SIGTRAP:
		return "crashed: breakpoint"
	case unix.SIGPIPE:
		return "ended by writing to a console or socket that nobody reads"
	case unix.SIGKILL:
		return "killed; if nobody did, the host ran out of memory"
	}
	return "ended by a signal"
}
