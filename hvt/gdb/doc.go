// Package gdb is the server's side of the GDB remote serial protocol for one
// x86-64 CPU that gdb stops, looks at and lets go on. It knows nothing of how
// the CPU is made: that is a Target.
//
// Source: the GDB manual, appendix "GDB Remote Serial Protocol".
package gdb
