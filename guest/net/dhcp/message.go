package dhcp

import (
	"encoding/binary"
	"math/bits"
	"time"

	"tender/guest/net/wire"
)

// Ports of DHCP.
const (
	ServerPort = 67
	ClientPort = 68
)

// MessageLen is the length of every message that the client sends; older
// servers and relays drop shorter ones (RFC 1542 §2.1).
const MessageLen = 300

// Message types (option 53).
const (
	discover = 1
	offer    = 2
	request  = 3
	ack      = 5
	nak      = 6
)

// Options (RFC 2132).
const (
	optPad       = 0
	optMask      = 1
	optRouter    = 3
	optDNS       = 6
	optHostname  = 12
	optAddress   = 50
	optLease     = 51
	optType      = 53
	optServer    = 54
	optWanted    = 55
	optRenew     = 58
	optRebind    = 59
	optEnd       = 255
	optionsAt    = 240
	magicCookie  = 0x63825363
	broadcastBit = 0x8000
	forEver      = 0xffffffff
)

// MaxDNS is how many name servers a lease remembers.
const MaxDNS = 4

// Lease is an address for a time.
type Lease struct {
	Address wire.Prefix4
	// Router is a neighbour in the network of Address, or 0.
	Router wire.Addr4
	DNS    []wire.Addr4
	// Server is who gave the lease.
	Server wire.Addr4
	// Duration is for how long; math.MaxInt64 is for ever. Renew and Rebind
	// are when to ask again.
	Duration, Renew, Rebind time.Duration
}

// message is an answer, with the options that matter.
type message struct {
	kind                  byte
	xid                   uint32
	address, server, mask wire.Addr4
	router                wire.Addr4
	dns                   []wire.Addr4
	lease, renew, rebind  uint32
	mac                   wire.MAC
}

// parse reads an answer to a client. It takes no option from the fields that
// option 52 could overload: nobody needs so many.
func parse(b []byte) (m message, ok bool) {
	if len(b) < optionsAt || b[0] != 2 || b[1] != 1 || b[2] != 6 || binary.BigEndian.Uint32(b[236:]) != magicCookie {
		return m, false
	}
	m.xid, m.address, m.mac = binary.BigEndian.Uint32(b[4:]), addr(b[16:]), wire.MAC(b[28:34])
	for b = b[optionsAt:]; len(b) > 0 && b[0] != optEnd; {
		if b[0] == optPad {
			b = b[1:]
			continue
		}
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return m, false
		}
		m.option(b[0], b[2:2+int(b[1])])
		b = b[2+int(b[1]):]
	}
	return m, m.kind != 0
}

// option reads one option; one of a wrong length is left out.
func (m *message) option(kind byte, v []byte) {
	if kind == optType && len(v) == 1 {
		m.kind = v[0]
		return
	}
	if len(v) < 4 {
		return
	}
	n := binary.BigEndian.Uint32(v)
	switch kind {
	case optMask:
		m.mask = addr(v)
	case optRouter:
		m.router = addr(v)
	case optServer:
		m.server = addr(v)
	case optLease:
		m.lease = n
	case optRenew:
		m.renew = n
	case optRebind:
		m.rebind = n
	case optDNS:
		for ; len(v) >= 4 && len(m.dns) < MaxDNS; v = v[4:] {
			m.dns = append(m.dns, addr(v))
		}
	}
}

// toLease checks what an offer or acknowledgement says. A lease shorter than
// minLease is taken as that long.
func (m *message) toLease() (Lease, bool) {
	ones := bits.OnesCount32(uint32(m.mask))
	p := wire.Prefix4{Addr: m.address, Bits: uint8(ones)}
	switch {
	case ones == 0 || p.Mask() != m.mask:
		return Lease{}, false
	case m.address.IsMartian() || m.address.IsMulticast() || m.server.IsMartian() || m.server.IsMulticast():
		return Lease{}, false
	case p.Bits < 31 && (p.Addr == p.Network() || p.Addr == p.Last()):
		return Lease{}, false
	}
	l := Lease{Address: p, Server: m.server, DNS: m.dns}
	if r := m.router; p.Contains(r) && r != p.Addr && (p.Bits >= 31 || r != p.Network() && r != p.Last()) {
		l.Router = r
	}
	if m.lease == forEver {
		l.Duration, l.Renew, l.Rebind = 1<<63-1, 1<<63-1, 1<<63-1
		return l, true
	}
	l.Duration = max(time.Duration(m.lease)*time.Second, minLease)
	l.Renew, l.Rebind = l.Duration/2, l.Duration/8*7
	if t1, t2 := time.Duration(m.renew)*time.Second, time.Duration(m.rebind)*time.Second; 0 < t1 && t1 < t2 && t2 < l.Duration {
		l.Renew, l.Rebind = t1, t2
	}
	return l, true
}

// build writes a message into b, which is MessageLen long.
func (c *Client) build(b []byte, kind byte, seconds uint16, ciaddr wire.Addr4, options ...option) {
	clear(b)
	b[0], b[1], b[2] = 1, 1, 6
	binary.BigEndian.PutUint32(b[4:], c.xid)
	binary.BigEndian.PutUint16(b[8:], seconds)
	if ciaddr == 0 {
		binary.BigEndian.PutUint16(b[10:], broadcastBit)
	}
	binary.BigEndian.PutUint32(b[12:], uint32(ciaddr))
	copy(b[28:], c.config.MAC[:])
	binary.BigEndian.PutUint32(b[236:], magicCookie)
	o := append(b[:optionsAt], optType, 1, kind)
	for _, x := range options {
		o = binary.BigEndian.AppendUint32(append(o, x.kind, 4), uint32(x.value))
	}
	if name := c.config.Hostname; name != "" {
		name = name[:min(len(name), 20)]
		o = append(append(o, optHostname, byte(len(name))), name...)
	}
	_ = append(o, optWanted, 6, optMask, optRouter, optDNS, optLease, optRenew, optRebind, optEnd)
}

// option is one with an address.
type option struct {
	kind  byte
	value wire.Addr4
}

func addr(b []byte) wire.Addr4 { return wire.Addr4(binary.BigEndian.Uint32(b)) }
