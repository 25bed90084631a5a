package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"tender/guest/net/filter"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

var protocols = map[string]int{"any": filter.AnyProto, "icmp": wire.ProtoICMP, "tcp": wire.ProtoTCP, "udp": wire.ProtoUDP}

var icmpTypes = map[string]int{"echo-request": wire.ICMPEchoRequest, "timestamp": wire.ICMPTimestamp}

// rule adds a rule of the form PROTOCOL[,TEST...].
func (o *options) rule(verdict packet.Verdict, value string) error {
	r := filter.Any()
	r.Verdict = verdict
	parts := strings.Split(value, ",")
	proto, ok := protocols[parts[0]]
	if !ok {
		n, err := strconv.ParseUint(parts[0], 10, 8)
		if err != nil {
			return fmt.Errorf("%q is not a protocol: any, tcp, udp, icmp or a number up to 255", parts[0])
		}
		proto = int(n)
	}
	r.Proto = proto
	seen := map[string]bool{}
	for _, part := range parts[1:] {
		key, text, ok := strings.Cut(part, "=")
		if !ok || text == "" {
			return fmt.Errorf("%q is not a test of the form KEY=VALUE", part)
		}
		if seen[key] {
			return fmt.Errorf("%s= is there twice", key)
		}
		seen[key] = true
		if err := test(&r, key, text); err != nil {
			return err
		}
	}
	if _, err := filter.New([]filter.Rule{r}, packet.Drop); err != nil {
		return errors.Unwrap(err) // without the number of the rule, which is 1 here
	}
	o.rules = append(o.rules, r)
	return nil
}

// test adds one test to a rule.
func test(r *filter.Rule, key, text string) (err error) {
	switch key {
	case "in":
		r.In, err = ifaceByName(text)
	case "out":
		r.Out, err = ifaceByName(text)
	case "src":
		r.Src, err = network(text)
	case "dst":
		r.Dst, err = network(text)
	case "sport":
		r.SrcPorts, err = ports(text)
	case "dport":
		r.DstPorts, err = ports(text)
	case "type":
		r.ICMPType, err = icmpType(text)
	default:
		err = fmt.Errorf("%s= is not a test: in, out, src, dst, sport, dport, type", key)
	}
	return err
}

func ifaceByName(text string) (int, error) {
	for i, name := range ifaceNames {
		if name == text {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%q is neither outside nor inside", text)
}

// network reads an address, or a network without host bits.
func network(text string) (wire.Prefix4, error) {
	if !strings.Contains(text, "/") {
		a, err := wire.ParseAddr4(text)
		return wire.Prefix4{Addr: a, Bits: 32}, err
	}
	p, err := wire.ParsePrefix4(text)
	if err == nil && p.Addr != p.Network() {
		return p, fmt.Errorf("%v has bits after its length; the network is %v/%d", p, p.Network(), p.Bits)
	}
	return p, err
}

func ports(text string) (filter.Ports, error) {
	low, high, isRange := strings.Cut(text, "-")
	if !isRange {
		high = low
	}
	first, err := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if err != nil || err2 != nil || last < first {
		return filter.Ports{}, fmt.Errorf("%q is not a port from 0 to 65535, or a range such as 8000-8080", text)
	}
	return filter.Ports{First: uint16(first), Last: uint16(last)}, nil
}

func icmpType(text string) (int, error) {
	if n, ok := icmpTypes[text]; ok {
		return n, nil
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%q is not an ICMP type: echo-request, timestamp or a number up to 255", text)
	}
	return int(n), nil
}
