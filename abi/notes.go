package abi

// ELF notes. A tender finds them through program headers only: one note at
// the start of each PT_NOTE segment. Content starts at NoteHeaderSize rounded
// up to the alignment of the content; the padding counts as descriptor bytes.
const (
	// NoteHeaderSize is the three u32 fields plus the name padded to 8 bytes.
	NoteHeaderSize = 20

	// Solo5NoteName is n_name of the two notes of the contract, with its NUL.
	Solo5NoteName = "Solo5\x00"
	// NoteTypeABI1 is n_type of the ABI note ("ABI1").
	NoteTypeABI1 = 0x31494241
	// NoteTypeMFT1 is n_type of the manifest note ("MFT1").
	NoteTypeMFT1 = 0x3154464d

	// ABINoteAlign is the alignment of ABINote inside its note.
	ABINoteAlign = 4
	// ABINoteMaxDesc is the largest n_descsz accepted for an ABI note.
	ABINoteMaxDesc = 32
	// ManifestNoteAlign is the alignment of the manifest inside its note.
	ManifestNoteAlign = 8
	// ManifestNoteMaxDesc is the largest n_descsz accepted for a manifest note.
	ManifestNoteMaxDesc = 4 + 8 + ManifestMaxEntries*104

	// TenderNoteName is n_name of the note with our extensions, with its NUL.
	TenderNoteName = "Tender\x00"
	// NoteTypeTND1 is n_type of the extension note ("TND1").
	NoteTypeTND1 = 0x31444e54
	// TenderNoteAlign is the alignment of TenderNote inside its note.
	TenderNoteAlign = 8

	// Interpreter is the PT_INTERP path that makes the host refuse to execute
	// an image directly.
	Interpreter = "/nonexistent/solo5/"
)

// Target is the kind of tender an image is linked for.
type Target uint32

// Targets of the ABI note.
const (
	TargetHVT    Target = 1
	TargetSPT    Target = 2
	TargetVirtio Target = 3
	TargetMuen   Target = 4
	TargetGenode Target = 5
	TargetXen    Target = 6
)

// ABI versions of the targets we implement.
const (
	VersionHVT = 2
	VersionSPT = 2
)

// ABINote is the content of the ABI1 note.
type ABINote struct {
	Target   Target
	Version  uint32
	Reserved [2]uint32
}

// TenderNote is the content of the TND1 note: what the image can do beyond
// the Solo5 contract. Stock tenders do not look at it.
type TenderNote struct {
	// Version is TenderNoteVersion.
	Version uint32
	// Flags is a set of TenderFlag bits; unknown bits are ignored.
	Flags uint32
	// FaultEntry is where a CPU exception at CPL 3 resumes, see FaultRecord.
	// It lies in an executable segment. 0 if FlagUserStart is clear.
	FaultEntry uint64
	// SignalEntry is, for an spt tender, the handler of SIGSEGV, SIGBUS,
	// SIGFPE, SIGILL and SIGTRAP: installed before the guest starts, with
	// SA_SIGINFO, SA_ONSTACK and SA_NODEFER. It never returns. 0 if
	// FlagSPT is clear.
	SignalEntry uint64
	// SignalStack is the lowest address of the alternate signal stack, in
	// a writable segment, and SignalStackBytes its size.
	SignalStack      uint64
	SignalStackBytes uint64
	// Events is the address of Events, 8-aligned in a writable segment. It is
	// not there in notes of images that are older than FlagEvents.
	Events uint64
	// UMEM is the address of 8 bytes in a writable segment, of those that come
	// from the file, where a tender stores the address of the UMEM before the
	// start; see UMEMHeader. It is not there in notes of images that are older
	// than FlagUMEM.
	UMEM uint64
}

// TenderNoteMinSize is the size in bytes of the first form of TenderNote; what
// a note leaves out is 0.
const TenderNoteMinSize = 40

// TenderNoteVersion is the only version of TenderNote.
const TenderNoteVersion = 1

// Flags of TenderNote.
const (
	// FlagUserStart says that e_entry may be entered at CPL 3.
	FlagUserStart = 1 << 0
	// FlagPollMask says that PollArgs.ReadySet holds, on entry, the set of
	// handles to wait for; a tender that honours it sets HostPollMask.
	FlagPollMask = 1 << 1
	// FlagSPT says that the image runs under spt as well, whatever target
	// its ABI note names: it tells by the address of the boot info.
	FlagSPT = 1 << 2
	// FlagRingIO says that the image uses the network ring if it is offered
	// one. An image without TenderNote is offered it in any case.
	FlagRingIO = 1 << 3
	// FlagEvents says that the program may be interrupted and the guest be
	// asked to stop, see Events. Under spt, SignalEntry then also is the
	// handler of SIGPROF, and returns from it by rt_sigreturn where that
	// interrupted the guest kernel.
	FlagEvents = 1 << 4
	// FlagUMEM says that the image moves frames through a UMEM if it is given
	// one. NET_READ, NET_WRITE and POLL then know none of its network devices,
	// nor does it inherit their descriptors under spt.
	FlagUMEM = 1 << 5
	// FlagOffloads says that the program may choose UMEMOffloads: its TAPs then
	// have the headers that takes, which costs all frames a little.
	FlagOffloads = 1 << 6
)
