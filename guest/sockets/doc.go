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
// AF_UNIX (streams, packets and datagrams inside the unikernel).
//
// Calls give the errno that Linux 6 gives, which TestWalk checks against the
// Linux that it runs on. Known differences: close never waits for SO_LINGER;
// the error queue (MSG_ERRQUEUE) is always empty; a TCP socket is of no use
// after a connection or a bind has failed, and not disconnected by connecting
// to AF_UNSPEC; datagram sockets get their port when the first datagram is
// sent, not when sending it fails; UDP has no segmentation offload, and
// MSG_MORE is refused; descriptors cannot be passed.
//
// Layouts and constants are those of Linux on x86-64.
package sockets
