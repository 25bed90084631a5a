package spt

import (
	"debug/elf"
	"fmt"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

// signals are the handlers an image asks for by its note.
type signals struct {
	// entry is the handler's address, 0 for none.
	entry               uint64
	stackAt, stackBytes uint64
	// ticks says that it takes SIGPROF as well, see abi.Events.
	ticks bool
}

// faults are the signals by which the kernel tells of exceptions of the CPU.
var faults = []unix.Signal{unix.SIGSEGV, unix.SIGBUS, unix.SIGFPE, unix.SIGILL, unix.SIGTRAP}

// signalsOf reads the note and checks that the handler is code and its stack
// memory that may be written.
func signalsOf(im *image.Image, memBytes uint64) (signals, error) {
	note := tenderNote(im)
	if note == nil || note.SignalEntry == 0 {
		return signals{}, nil
	}
	s := signals{note.SignalEntry, note.SignalStack, note.SignalStackBytes, takesEvents(im)}
	isCode := false
	end := s.stackAt + s.stackBytes
	if s.stackAt < abi.MinLoadAddr || end < s.stackAt || end > memBytes {
		return signals{}, fmt.Errorf("signal stack of %d bytes at %#x is not in guest memory; build the image again", s.stackBytes, s.stackAt)
	}
	for _, r := range im.Ranges() {
		isCode = isCode || r.Flags&elf.PF_X != 0 && r.Start <= s.entry && s.entry < r.End
		if r.Flags&elf.PF_W == 0 && s.stackAt < r.End && r.Start < end {
			return signals{}, fmt.Errorf("signal stack of %d bytes at %#x is in a segment that cannot be written; build the image again", s.stackBytes, s.stackAt)
		}
	}
	if !isCode {
		return signals{}, fmt.Errorf("signal entry %#x is in no executable segment; build the image again", s.entry)
	}
	return s, nil
}

// takesEvents says whether an image wants ticks, and can be asked to stop.
func takesEvents(im *image.Image) bool {
	note := tenderNote(im)
	return note != nil && note.SignalEntry != 0 && note.Flags&abi.FlagEvents != 0
}

// Flags of struct sigaction; the kernel wants saRestorer on x86-64, though
// the handler never returns.
const (
	saSiginfo  = 0x4
	saRestorer = 0x04000000
	saOnStack  = 0x08000000
	saRestart  = 0x10000000
	saNoDefer  = 0x40000000
)

// sigaction is the kernel's struct of that name on x86-64.
type sigaction struct{ Handler, Flags, Restorer, Mask uint64 }

// install adds the calls that the prologue makes. SIGPIPE is as the contract
// has it even if the tender's parent ignores it: a guest ends when nobody
// reads its console.
func (s signals) install(p *prologue) {
	set := func(signal unix.Signal, action sigaction) {
		p.call("set the handler of "+unix.SignalName(signal), unix.SYS_RT_SIGACTION, uint64(signal), p.put(action), 0, 8)
	}
	set(unix.SIGPIPE, sigaction{})
	if s.entry == 0 {
		return
	}
	p.call(fmt.Sprintf("set the signal stack of %d bytes (too small for this CPU?)", s.stackBytes), unix.SYS_SIGALTSTACK,
		p.put(struct{ At, Flags, Bytes uint64 }{s.stackAt, 0, s.stackBytes}), 0)
	const flags = saSiginfo | saRestorer | saOnStack | saNoDefer
	for _, signal := range faults {
		set(signal, sigaction{Handler: s.entry, Flags: flags})
	}
	if s.ticks {
		// A terminal and service managers send these to all processes there
		// are, but the guest is asked to stop by the tender.
		const ignore = 1
		set(unix.SIGINT, sigaction{Handler: ignore})
		set(unix.SIGTERM, sigaction{Handler: ignore})
		set(unix.SIGPROF, sigaction{Handler: s.entry, Flags: flags | saRestart})
		each := unix.NsecToTimeval(abi.TickNanos)
		p.call("set the timer that interrupts the guest's program", unix.SYS_SETITIMER, itimerProf, p.put([2]unix.Timeval{each, each}), 0)
	}
}

// itimerProf is the timer of the CPU time that a process uses, ITIMER_PROF.
const itimerProf = 2
