// Package wire gives typed views of the headers in an Ethernet frame:
// Ethernet, ARP, IPv4, ICMP, TCP and UDP.
//
// A view is a byte slice with methods; it shares memory with the frame, so
// setters change the frame. Views do not check bounds again: what a type
// states as its precondition (a length, a validated header) is established
// once, by a Parse function or by the caller. Numbers are in host order on
// the Go side and in network order in the frame. Nothing here allocates,
// except String and the Parse functions for text.
package wire
