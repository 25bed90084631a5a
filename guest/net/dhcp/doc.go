// Package dhcp is a DHCP client for IPv4 (RFC 2131) as a state machine: messages
// and the time go in, messages and leases come out. It opens no socket, starts
// no goroutine and reads no clock, so that it can live in an engine that has no
// sockets.
//
// It asks for an address, a netmask, a router and name servers, renews at T1,
// rebinds at T2, and starts over when the lease ends or the server says no. It
// believes only answers to its own transaction, and only what can be true.
package dhcp
