// Package hvt runs a unikernel image as a guest of Linux KVM: the Solo5 hvt
// target, ABI version 2, as a Go package that can be embedded.
//
// New allocates everything a guest will ever have: memory, one vCPU, the
// devices its manifest names. Run executes it until it halts, breaks the
// contract, or the context ends. The guest is hostile: whatever it passes is
// checked before use, and no guest behaviour panics or hangs the caller.
//
// A guest starts in one of two ways, see Start: in kernel mode (CPL 0), as the
// contract says, or in user mode (CPL 3), for images that say they can. In
// user mode the tender owns the page tables, so text is never writable and
// data never executable, and exceptions come back to the image's own handler.
package hvt
