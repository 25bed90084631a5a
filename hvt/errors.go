package hvt

import "fmt"

// Breach is the kind of a GuestError.
type Breach int

// Breaches.
const (
	// BreachAccess: a pointer or length outside what the guest may pass.
	BreachAccess Breach = iota
	// BreachHypercall: a hypercall number that is not offered.
	BreachHypercall
	// BreachPort: an I/O port, width or direction that is no hypercall.
	BreachPort
	// BreachTranslation: a write to read-only memory, seen by the host.
	BreachTranslation
	// BreachExit: HLT, a triple fault, access outside memory and the like.
	BreachExit
	// BreachEmulation: KVM could not execute the guest's code.
	BreachEmulation
	// BreachEntry: the CPU refused the guest's state.
	BreachEntry
	// BreachRing: indices of the network ring that no guest may publish.
	BreachRing
)

// GuestError says why a guest was ended: it broke the contract or crashed.
// Such a guest's exit status is abi.ExitFailure.
type GuestError struct {
	// Guest is the image's name.
	Guest  string
	Breach Breach
	// Detail is one line without the guest's name and RIP.
	Detail string
	// RIP is the guest's instruction pointer, where it could be read.
	RIP    uint64
	HasRIP bool
}

func (e *GuestError) Error() string {
	if !e.HasRIP {
		return fmt.Sprintf("%s: %s", e.Guest, e.Detail)
	}
	return fmt.Sprintf("%s: %s, rip=0x%x", e.Guest, e.Detail, e.RIP)
}

func breach(kind Breach, format string, args ...any) *GuestError {
	return &GuestError{Breach: kind, Detail: fmt.Sprintf(format, args...)}
}
