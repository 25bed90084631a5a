package appliance

import (
	"time"

	"tender/guest/net/flow"
	"tender/guest/net/journal"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// Program declares an appliance. Interfaces are meant by their place in
// Ifaces.
type Program struct {
	// NICs are the names of the network devices in the manifest; Iface.NIC is
	// a place in this list.
	NICs   []string
	Ifaces []Iface
	// Gateway makes the appliance a router; nil does not.
	Gateway   *Gateway
	Conntrack Conntrack
	// Syslog is where messages go; nil means to the console.
	Syslog    *Syslog
	Timers    []Timer
	Balancers []Balancer
	// Journal is what the rules speak through; nil makes one.
	Journal *journal.Journal
}

// Mode is how an interface gets its IPv4 address.
type Mode uint8

// Modes.
const (
	// Static takes the address as declared, which may be none.
	Static Mode = iota
	// DHCP asks for an address, for ever.
	DHCP
	// DHCPWithFallback takes the declared address if there is no answer within
	// ten seconds.
	DHCPWithFallback
)

// Iface is one interface.
type Iface struct {
	Name string
	// NIC is a place in Program.NICs. If MAC is not zero, the device with that
	// Ethernet address is meant instead.
	NIC int
	MAC wire.MAC
	// VLAN is the 802.1Q number, or 0.
	VLAN uint16
	Mode Mode
	// Address is the IPv4 address with its network, Bits 0 if there is none.
	// Gateway, if not 0, is where the appliance itself sends what no route
	// leads to; without a Program.Gateway, what it forwards too.
	Address wire.Prefix4
	Gateway wire.Addr4
	// Address6 and Gateway6 are the same for IPv6.
	Address6 wire.Prefix
	Gateway6 wire.Addr
	// Masquerade gives flows that leave here the interface's address as their
	// source.
	Masquerade bool
	// SendQueueLimit is how many frames may wait to be sent, and BufferLimit
	// how many buffers they may take; what is less counts, and 0 is 64. The
	// only frames that wait are those whose neighbour is being asked for.
	SendQueueLimit, BufferLimit int
	// Chains; a datagram has to be accepted by every function of a list.
	Prerouting, Input, Output, Postrouting []packet.Chain
}

// Gateway is the forwarding of a router.
type Gateway struct {
	Routes []Route
	// Forward are the functions a forwarded datagram has to be accepted by.
	Forward []packet.Chain
	// SilentTTL does not tell senders that a time to live has ended.
	SilentTTL bool
	// StrictSource drops datagrams from interfaces that the route back to
	// their source does not lead to.
	StrictSource bool
}

// Route is one way to a network, IPv4 or IPv6: the one of Net and Net6 with
// the flag that says so.
type Route struct {
	IPv6     bool
	Net      wire.Prefix4
	NextHop  wire.Addr4
	Net6     wire.Prefix
	NextHop6 wire.Addr
	Iface    int
	Cost     int
}

// Conntrack are the bounds of connection tracking; zero values stand for the
// defaults.
type Conntrack struct {
	// Limit is how many flows there can be; 0 is 16384. Reserve is how many
	// there must be room for from the start: as all room is made at the
	// start, it only raises the default.
	Limit, Reserve int
	// StatelessTCP takes TCP segments without looking at flags and windows.
	StatelessTCP bool
	// Timeouts are described in package flow.
	Timeouts flow.Timeouts
}

// Syslog is a server for messages (RFC 5424 over UDP).
type Syslog struct {
	Address wire.Addr
	Port    uint16
}

// Timer prints something on the console every now and then, first after a
// second.
type Timer struct {
	Interval time.Duration
	Data     []Data
}

// Data is what a timer prints.
type Data uint8

// Kinds of data.
const (
	Timestamp Data = iota
	// Stats are the counters of interfaces and flows, on the console and, if
	// there is a Syslog, as a message.
	Stats
	Memory
	CPU
	// LB are the counters of balancers, if there are any.
	LB
	// StackSampling is where the program spends its time: the five functions
	// seen most often since the timer's last shot, a hundred looks a second.
	StackSampling
	Timers
)

// Balancer shares TCP connections between servers.
type Balancer struct {
	Name string
	// Clients come in on ClientIface, to its addresses and this port.
	ClientIface int
	Port        uint16
	// SessionLimit is how many connections there can be at once, and
	// WaitQueueLimit how many more may wait for a place, or for a server that
	// is up: their first segment is kept until there is. 0 is 1000.
	SessionLimit, WaitQueueLimit int
	// Servers are of one family, which is that of the clients too. They are
	// connected to through the interface that their route leads to, from its
	// address; New refuses servers whose route does not lead to ServerIface
	// if that is Static.
	ServerIface int
	Servers     []Server
}

// Server is one of a balancer's servers.
type Server struct {
	Address wire.Addr
	Port    uint16
}
