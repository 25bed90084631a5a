package abi

// User-mode start (CPL 3), for images with FlagUserStart. It is the hvt
// contract with these differences: the image is entered at CPL 3 with
// RFLAGS.IOPL 3; CR4 has FSGSBASE, and OSXSAVE where the host allows it; the
// first 64 KiB are not mapped; text and read-only data are not writable, and
// only text is executable. The page tables, descriptor tables and the fault
// stub lie in a memory slot of their own above guest memory, which the guest
// cannot reach, except for the page of FaultRecord.
const (
	// UserSystemBase is the GPA and address of the system slot.
	UserSystemBase = 1 << 32
	// UserFaultRecord is the address of FaultRecord.
	UserFaultRecord = UserSystemBase

	// UserCS and UserSS are the selectors of a CPL 3 guest, those of Linux.
	UserCS = 0x33
	UserSS = 0x2b
)

// FaultRecord is what the tender's stub stores when an exception is raised at
// CPL 3, before it resumes at TenderNote.FaultEntry. All other registers,
// RSP among them, are as they were at the fault; RFLAGS.TF is cleared.
type FaultRecord struct {
	Vector    uint64
	ErrorCode uint64
	RIP       uint64
	RFLAGS    uint64
	RSP       uint64
	CR2       uint64
}
