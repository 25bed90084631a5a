package abi

// Events is where a tender meets an image with FlagEvents while that runs: it
// interrupts the program now and then, so that the guest kernel can let other
// threads run, and asks the guest to stop. TenderNote.Events is its address.
//
// The hvt tender ticks: about every TickNanos of CPU time that the guest uses,
// it looks where the vCPU is. In the program, it stores RIP and RFLAGS and
// continues the guest at Entry, with RFLAGS.TF clear and all other registers
// as they were. In the guest kernel, it sets Tick. To have the guest stop, it
// sets Stop and ticks at once; while Stop is set, POLL does not wait.
//
// Under spt a tick is a SIGPROF for TenderNote.SignalEntry, and the wish to
// stop an event of the guest's epoll descriptor with SPTStopData.
type Events struct {
	// Entry is where an interrupted program continues. 0, as at the start,
	// means that the guest is not ready for it.
	Entry uint64
	// TextStart, TextEnd, StackStart and StackEnd tell the guest kernel from
	// the program: it runs if RIP is in [TextStart, TextEnd) or RSP is in
	// [StackStart, StackEnd]. All are the guest's, as is Entry.
	TextStart, TextEnd   uint64
	StackStart, StackEnd uint64
	// Tick and Stop become 1 by the tender and 0 by the guest.
	Tick, Stop uint64
	// RIP and RFLAGS are those of the program when it was interrupted.
	RIP, RFLAGS uint64
	// HeapAt is stored by the hvt tender before the start: a page-aligned
	// address behind the image, other in each run, from which on it has made
	// memory ready. A guest that puts there what it uses first starts faster.
	// 0 if there is none.
	HeapAt uint64
}

// TickNanos is the CPU time between two ticks.
const TickNanos = 10_000_000

// SPTStopData is the epoll data of the event by which an spt guest with
// FlagEvents is asked to stop. It comes once for each time it is asked.
const SPTStopData = 0xfffffffd
