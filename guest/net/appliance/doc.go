// Package appliance turns a declaration (interfaces, routes, rules, logging,
// timers, a balancer) into a running network appliance. It is what programs
// compiled from NaCl are made of: they declare a Program and call Main; their
// rules are Go functions of type packet.Chain.
//
//	func main() { appliance.Main(&program) }
//
// # Rules
//
// A chain function looks at the datagram through the fields of packet.Packet:
// IP, TCP, UDP, ICMP and their IPv6 counterparts, of which those that the
// datagram does not have are nil; In, Out and State. It returns packet.Accept
// or packet.Drop, or what DNAT and SNAT return. What it has to say it says
// through the program's Journal.
//
// An interface's chains are lists: a datagram has to be accepted by each
// function in turn.
//
// # What is forwarded
//
// A program with a Gateway forwards what its Forward functions accept, and
// everything if there are none. A program without one forwards nothing but
// flows that its rules translate, or that are masqueraded.
package appliance
