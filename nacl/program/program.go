// Package program is a NaCl program as its checker leaves it: all names
// resolved, all values known, nothing in it that makes no sense. It is what the
// interpreter runs and what the generator makes Go of.
package program

import (
	"net/netip"

	"tender/nacl/diag"
)

// Program is a checked program. Slices are in the order of the source.
type Program struct {
	Source    *diag.Source
	Ifaces    []*Iface
	Gateway   *Gateway
	Conntrack *Conntrack
	Balancers []*Balancer
	Syslog    *Syslog
	Timers    []*Timer
	// Functions are those of the top level, whether on a chain or not.
	Functions []*Function
}

// Config is where an interface's IPv4 address comes from.
type Config uint8

// Configurations.
const (
	Static Config = iota
	DHCP
	// DHCPWithFallback takes the static values if there is no answer.
	DHCPWithFallback
)

// NoDevice is the index of an Iface that has an Ethernet address instead.
const NoDevice = -1

// Iface is a network interface, or a VLAN on one.
type Iface struct {
	Name string
	At   diag.Span
	// Index is the number of the network device; if MAC is not "", the
	// device is the one with this Ethernet address and Index is NoDevice.
	Index int
	MAC   string
	// VLAN is the identifier of a VLAN, 0 if it is none.
	VLAN   int
	Config Config
	// Addr and Addr6 are the interface's addresses with the length of their
	// networks, not valid if there are none; so are gateways.
	Addr, Addr6       netip.Prefix
	Gateway, Gateway6 netip.Addr
	Masquerade        bool
	// SendQueueLimit and BufferLimit are numbers of packets, 0 for the default.
	SendQueueLimit, BufferLimit int
	// Chains; all functions of a chain are called until one drops.
	Prerouting, Input, Output, Postrouting []*Function
}

// Gateway is the routing table and the chain of what is forwarded.
type Gateway struct {
	Name             string
	At               diag.Span
	Routes           []*Route
	Forward          []*Function
	SendTimeExceeded bool
}

// Route is one entry of the routing table.
type Route struct {
	// Name is "" in a Gateway that is a list.
	Name   string
	At     diag.Span
	Prefix netip.Prefix
	// NextHop is not valid if destinations are neighbours.
	NextHop netip.Addr
	Iface   *Iface
	Cost    int
}

// Conntrack is the configuration of connection tracking; zeros stand for the
// defaults.
type Conntrack struct {
	Name           string
	At             diag.Span
	Limit, Reserve int
	StatefulTCP    bool
	// Timeouts are in seconds.
	Established, Unconfirmed, Confirmed Timeouts
}

// Timeouts are seconds by protocol.
type Timeouts struct{ TCP, UDP, ICMP int }

// Balancer spreads TCP connections over servers.
type Balancer struct {
	Name string
	At   diag.Span
	// IPv6 says that it is TCP over IPv6.
	IPv6                         bool
	Clients, Servers             *Iface
	Port                         uint16
	WaitQueueLimit, SessionLimit int
	Pool                         []netip.AddrPort
}

// Defaults of a Balancer.
const (
	DefaultWaitQueueLimit = 1000
	DefaultSessionLimit   = 1000
)

// Syslog is where messages go, over UDP.
type Syslog struct {
	Name    string
	At      diag.Span
	Address netip.AddrPort
}

// Timer prints data again and again.
type Timer struct {
	Name            string
	At              diag.Span
	IntervalSeconds int
	Data            []TimerData
}

// TimerData is a kind of data that a Timer prints.
type TimerData string

// Kinds of data.
const (
	Timestamp     TimerData = "timestamp"
	Stats         TimerData = "stats"
	Memory        TimerData = "memory"
	CPU           TimerData = "cpu"
	LB            TimerData = "lb"
	StackSampling TimerData = "stack-sampling"
	TimerTable    TimerData = "timers"
)
