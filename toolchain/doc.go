// Package toolchain turns a Go main package, or a package's tests, into a
// unikernel image with the stock Go toolchain: it makes a GOROOT of links to the
// installed one in which the guest kernel takes the place of Linux, calls the go
// command with it, checks the linked program and writes it, with its files, and
// with the notes of the Solo5 contract. It also makes Linux programs of the same
// packages.
package toolchain
