// Package tests runs guest programs end to end: each is built by the
// toolchain, started by a tender and judged by its console and exit status.
//
// The programs are in guests/, one per behaviour, named for it. They are
// plain Go programs that check themselves; those that use no device give the
// same result as Linux processes.
package tests
