package hvt

import (
	"fmt"
	"strings"

	"tender/abi"
	"tender/image"
)

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

// MissingDevicesError lists the devices that the manifest declares and
// Config does not attach, in the order of the manifest.
type MissingDevicesError struct {
	Guest   string
	Devices []image.Device
}

func (e *MissingDevicesError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", e.Guest)
	for _, d := range e.Devices {
		fmt.Fprintf(&b, " Device '%s' of type %s declared but not attached.", d.Name, image.TypeName(d.Type))
	}
	b.WriteString(" All declared devices must be attached")
	return b.String()
}

// UndeclaredDeviceError names a device of Config that the manifest does not
// declare with that type.
type UndeclaredDeviceError struct {
	Guest string
	Name  string
	Type  abi.DeviceType
}

func (e *UndeclaredDeviceError) Error() string {
	return fmt.Sprintf("%s: Resource not declared in manifest: '%s' of type %s", e.Guest, e.Name, image.TypeName(e.Type))
}
