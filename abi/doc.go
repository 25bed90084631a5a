// Package abi is the binary contract between a tender and its guest: the
// Solo5 0.12.1 interface (ABI version 2 of the hvt and spt targets) and
// tender's own negotiated extensions.
//
// It holds constants and fixed-layout structs only, and imports nothing, so
// that both sides can use it: the host packages, and the guest kernel that
// is compiled into the Go runtime. All integers are little-endian. Sizes and
// addresses are in bytes; a GPA is a guest physical address, which is also
// the guest virtual address (identity mapping).
package abi
