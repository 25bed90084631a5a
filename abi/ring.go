package abi

// The network ring of the hvt target: frames without an exit to the tender.
// A tender offers it with HostRingIO and HVTBoot.NetRing; the guest's word for
// it is the first entry it submits. Both queues are a power of two of slots
// under free-running indices: slot = index % NetRingSlots.

const (
	// NetRingSlots is the number of entries, and of commits.
	NetRingSlots = 1024
	// NetRingReserve is the memory a tender takes above the guest's for
	// NetRing.
	NetRingReserve = HVTMemGranularity
	// NetRingPort is where a guest kicks: a 4-byte OUT of any value, which does
	// not return to the tender.
	NetRingPort = 0x600
)

// NetRing is the ring, all zero at first. One serves all network devices.
type NetRing struct {
	// EntTail is the index behind the last entry; the guest writes it.
	EntTail uint32
	// ComHead is the index of the next commit to consume; the guest writes it.
	ComHead uint32
	_       [56]byte
	// EntHead is the index of the next entry to serve; the tender writes it.
	EntHead uint32
	// ComTail is the index behind the last commit; the tender writes it.
	ComTail uint32
	// NeedsKick is not 0 while the tender sleeps; it writes it. The guest looks
	// after it has moved EntTail, with a full barrier between.
	NeedsKick uint32
	_         [52]byte
	Entries   [NetRingSlots]NetRingEntry
	Commits   [NetRingSlots]NetRingCommit
}

// NetRingEntry is what the guest wants done. Its buffer is the tender's until
// EntHead has passed it.
type NetRingEntry struct {
	// Operation is a NetRing operation; others are skipped.
	Operation uint32
	Handle    uint32
	// Data is the GPA of Len bytes.
	Data     uint64
	Len      uint32
	ID       uint32
	Reserved uint64
}

// Operations of NetRingEntry.
const (
	// NetRingWrite sends a frame; there is no commit.
	NetRingWrite = 1
	// NetRingRead takes a frame that waits; there is exactly one commit.
	NetRingRead = 2
)

// NetRingCommit is the outcome of a NetRingRead.
type NetRingCommit struct {
	// ID is that of the entry.
	ID uint32
	// Ret is ResultOK, ResultAgain, or ResultInval for a handle of no network
	// device and for one that failed.
	Ret Result
	// Len is the size of the frame, 0 unless Ret is ResultOK.
	Len      uint32
	Reserved uint32
}
