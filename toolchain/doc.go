// Package toolchain turns a Go main package into a unikernel image with the
// stock Go toolchain: it generates an overlay of the installed standard
// library in which the guest kernel takes the place of Linux, calls go build
// with it, checks the linked program and writes it with the notes of the
// Solo5 contract.
package toolchain
