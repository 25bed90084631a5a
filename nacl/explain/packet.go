package explain

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"tender/nacl/interp"
	"tender/nacl/program"
)

// Syntax is how a packet is described.
const Syntax = `PROTOCOL SOURCE[:PORT] > DESTINATION[:PORT] [state STATE] [iface IFACE] [ttl N] [flags F,F…] [type TYPE] [length N] [dscp N] [id N]`

// description is what was said about a packet.
type description struct {
	protocol         int
	source, target   netip.Addr
	sport, dport     uint16
	state            program.State
	iface            string
	ttl, length      int
	dscp, id, icmp   int
	flags            uint16
	hasType, hasFlag bool
}

var protocols = map[string]int{"icmp": 1, "tcp": 6, "udp": 17, "icmp6": 58}

// Flags of TCP by name, and types of ICMP by name and version of IP.
var (
	flags = map[string]uint16{"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128, "ns": 256}
	types = map[int]map[string]int{
		1: {"echo-reply": 0, "destination-unreachable": 3, "redirect": 5, "echo-request": 8, "time-exceeded": 11,
			"parameter-problem": 12, "timestamp-request": 13, "timestamp-reply": 14},
		58: {"destination-unreachable": 1, "packet-too-big": 2, "time-exceeded": 3, "parameter-problem": 4, "echo-request": 128, "echo-reply": 129,
			"router-solicitation": 133, "router-advertisement": 134, "neighbor-solicitation": 135, "neighbor-advertisement": 136, "redirect": 137},
	}
	states = []program.State{program.New, program.Established, program.Related, program.Invalid}
)

// parse reads a description.
func parse(text string) (*description, error) {
	words := strings.Fields(strings.ReplaceAll(text, ">", " > "))
	if len(words) < 4 || words[2] != ">" {
		return nil, fmt.Errorf("a packet is %s", Syntax)
	}
	d := &description{state: program.New, ttl: 64}
	var known bool
	if d.protocol, known = protocols[strings.ToLower(words[0])]; !known {
		n, err := strconv.ParseUint(words[0], 10, 8)
		if err != nil {
			return nil, fmt.Errorf("%q is no protocol: tcp, udp, icmp, icmp6 or a number up to 255", words[0])
		}
		d.protocol = int(n)
	}
	var err error
	if d.source, d.sport, err = d.endpoint(words[1]); err != nil {
		return nil, err
	}
	if d.target, d.dport, err = d.endpoint(words[3]); err != nil {
		return nil, err
	}
	if d.source.Is4() != d.target.Is4() {
		return nil, fmt.Errorf("%v and %v are of different versions of IP", d.source, d.target)
	}
	if d.protocol == 1 && !d.source.Is4() || d.protocol == 58 && d.source.Is4() {
		return nil, fmt.Errorf("%s is not a protocol of this version of IP", words[0])
	}
	rest := words[4:]
	for ; len(rest) >= 2; rest = rest[2:] {
		if err := d.attribute(strings.ToLower(rest[0]), rest[1]); err != nil {
			return nil, err
		}
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%q has no value behind it; a packet is %s", rest[0], Syntax)
	}
	d.complete()
	return d, nil
}

// endpoint is an address, with a port for protocols that have some.
func (d *description) endpoint(word string) (netip.Addr, uint16, error) {
	ports := d.protocol == 6 || d.protocol == 17
	if ap, err := netip.ParseAddrPort(word); err == nil {
		if !ports {
			return netip.Addr{}, 0, fmt.Errorf("%s: this protocol has no ports", word)
		}
		return ap.Addr().Unmap(), ap.Port(), nil
	}
	a, err := netip.ParseAddr(strings.Trim(word, "[]"))
	switch {
	case err != nil || a.Zone() != "":
		return netip.Addr{}, 0, fmt.Errorf("%q is no address such as 10.0.0.1 or 2001:db8::1", word)
	case ports:
		return netip.Addr{}, 0, fmt.Errorf("%s has no port: write %s", word, netip.AddrPortFrom(a, 80))
	}
	return a.Unmap(), 0, nil
}

func (d *description) attribute(key, value string) error {
	number := func(to *int, high uint64) error {
		n, err := strconv.ParseUint(value, 10, 32)
		if err != nil || n > high {
			return fmt.Errorf("%s %s: a number up to %d", key, value, high)
		}
		*to = int(n)
		return nil
	}
	switch key {
	case "state":
		for _, s := range states {
			if strings.EqualFold(s.String(), value) {
				d.state = s
				return nil
			}
		}
		return fmt.Errorf("%q is no state: new, established, related or invalid", value)
	case "iface":
		d.iface = value
		return nil
	case "ttl", "hoplimit":
		return number(&d.ttl, 255)
	case "length":
		return number(&d.length, 65535)
	case "dscp":
		return number(&d.dscp, 63)
	case "id":
		return number(&d.id, 65535)
	case "type":
		d.hasType = true
		if n, ok := types[d.protocol][strings.ToLower(value)]; ok {
			d.icmp = n
			return nil
		}
		return number(&d.icmp, 255)
	case "flags":
		d.hasFlag = true
		for name := range strings.SplitSeq(strings.ToLower(value), ",") {
			f, ok := flags[name]
			if !ok {
				return fmt.Errorf("%q is no flag of TCP: fin, syn, rst, psh, ack, urg, ece, cwr or ns", name)
			}
			d.flags |= f
		}
		return nil
	}
	return fmt.Errorf("%q means nothing here; a packet is %s", key, Syntax)
}

// complete chooses what was not said.
func (d *description) complete() {
	if !d.hasType {
		d.icmp = types[d.protocol]["echo-request"]
	}
	if !d.hasFlag {
		if d.flags = flags["ack"]; d.state == program.New {
			d.flags = flags["syn"]
		}
	}
}

// packet makes the datagram, with right lengths and checksums.
func (d *description) packet() (*interp.Packet, error) {
	var segment []byte
	switch d.protocol {
	case 6:
		segment = make([]byte, 20)
		segment[12], segment[13] = 5<<4|byte(d.flags>>8), byte(d.flags)
		binary.BigEndian.PutUint16(segment[14:], 65535)
	case 17, 1, 58:
		segment = make([]byte, 8)
	}
	switch d.protocol {
	case 6, 17:
		binary.BigEndian.PutUint16(segment, d.sport)
		binary.BigEndian.PutUint16(segment[2:], d.dport)
	case 1, 58:
		segment[0] = byte(d.icmp)
	}
	header := 40
	if d.source.Is4() {
		header = 20
	}
	if d.length != 0 {
		if d.length < header+len(segment) {
			return nil, fmt.Errorf("length %d: the headers alone have %d bytes", d.length, header+len(segment))
		}
		segment = append(segment, make([]byte, d.length-header-len(segment))...)
	}
	if d.protocol == 17 {
		binary.BigEndian.PutUint16(segment[4:], uint16(len(segment)))
	}
	d.checksum(segment)
	data := append(d.header(len(segment)), segment...)
	return &interp.Packet{Data: data, State: d.state}, nil
}

// header is the IP header of a packet with a payload of a length.
func (d *description) header(payload int) []byte {
	if !d.source.Is4() {
		h := make([]byte, 8, 40)
		binary.BigEndian.PutUint32(h, 6<<28|uint32(d.dscp)<<22)
		binary.BigEndian.PutUint16(h[4:], uint16(payload))
		h[6], h[7] = byte(d.protocol), byte(d.ttl)
		return append(append(h, d.source.AsSlice()...), d.target.AsSlice()...)
	}
	h := make([]byte, 12, 20)
	h[0], h[1] = 0x45, byte(d.dscp<<2)
	binary.BigEndian.PutUint16(h[2:], uint16(20+payload))
	binary.BigEndian.PutUint16(h[4:], uint16(d.id))
	h[8], h[9] = byte(d.ttl), byte(d.protocol)
	h = append(append(h, d.source.AsSlice()...), d.target.AsSlice()...)
	binary.BigEndian.PutUint16(h[10:], sum(h))
	return h
}

// checksum writes the transport checksum.
func (d *description) checksum(segment []byte) {
	at, ok := map[int]int{6: 16, 17: 6, 1: 2, 58: 2}[d.protocol]
	if !ok {
		return
	}
	var pseudo []byte
	if d.protocol != 1 {
		pseudo = append(d.source.AsSlice(), d.target.AsSlice()...)
		pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(segment)))
		pseudo = append(pseudo, 0, 0, 0, byte(d.protocol))
	}
	binary.BigEndian.PutUint16(segment[at:], sum(append(pseudo, segment...)))
}

// sum is the Internet checksum (RFC 1071).
func sum(b []byte) uint16 {
	total := uint64(0)
	for i := 0; i < len(b); i += 2 {
		total += uint64(b[i]) << 8
		if i+1 < len(b) {
			total += uint64(b[i+1])
		}
	}
	for total > 0xffff {
		total = total&0xffff + total>>16
	}
	return ^uint16(total)
}
