// Package spt runs a unikernel image as a sandboxed process: the Solo5 spt
// target, ABI version 2, as a Go package that can be embedded.
//
// The process is the guest and nothing else. New makes a picture of its whole
// address space in memory: an executable file whose offsets are the guest's
// addresses. Run executes it. A prologue of a few dozen instructions unmaps
// what the kernel added, installs a system-call filter made for this guest's
// descriptors and block ranges, and jumps to the image. No code or memory of
// the caller is ever in that process.
//
// It needs Linux 5.9 with seccomp and /proc, and, unlike package hvt, neither
// privileges nor /dev/kvm. Without cgo, New fails: libseccomp makes the filter.
package spt
