// Package image reads, checks, loads and writes unikernel images: static
// ELF64 executables that carry Solo5's ABI and manifest notes, and
// optionally the note with tender's own extensions (package abi).
//
// An image is hostile input. Everything that can be judged without knowing
// the size of guest memory is checked by Open and Read, the rest by Load.
// Errors are one line each: the image, what is wrong, and how to mend it.
package image
