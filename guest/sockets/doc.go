// Package sockets answers Linux's socket calls over a TCP/IP stack inside the
// unikernel, so that package net and everything above it work unmodified: the
// image's package syscall calls [Table.Call] with Linux's arguments where it
// would execute a SYSCALL instruction, and gets Linux's results and errors.
//
// A [Table] maps descriptors to sockets. The guest kernel hands out the
// descriptors and is told, through [Kernel], when one becomes readable or
// writable; the Go runtime's network poller takes it from there. No socket has
// a goroutine of its own.
//
// Families: AF_INET and AF_INET6 (streams, datagrams, ping and raw sockets) on
// gVisor's netstack, AF_NETLINK (dumps of interfaces, addresses and routes),
// AF_UNIX (streams, packets and datagrams inside the unikernel). Calls give
// the errno that Linux 6 gives, with these differences: TCP never blocks in
// close for SO_LINGER, the error queue (MSG_ERRQUEUE) is always empty, and a
// path of AF_UNIX is a name among sockets, not a file.
//
// Layouts and constants are those of Linux on x86-64.
package sockets
