package interp

import (
	"encoding/hex"
	"strings"
	"testing"

	"tender/nacl"
	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// A SYN from 10.0.0.5:1234 to 192.168.0.20:80, TTL 64, DSCP 10, ECN 2, flags
// SYN, ECE and NS; and an ICMPv6 echo request behind a destination header.
var (
	syn  = packet("452a0028 1234 4000 4006 4c68 0a000005 c0a80014", "04d20050 00000007 00000009 5142 1000 abcd 0003")
	ping = packet("6aa12345 0010 3c 07 20010db8000000000000000000000001 20010db8000000000000000000000002", "3a00 0104 00000000", "8000 1111 0001 0002")
)

func packet(parts ...string) *Packet {
	b, err := hex.DecodeString(strings.ReplaceAll(strings.Join(parts, ""), " ", ""))
	if err != nil {
		panic(err)
	}
	return &Packet{Data: b, State: program.New}
}

func load(t *testing.T, text string) *program.Program {
	t.Helper()
	p, errs := nacl.Load(diag.NewSource("f.nacl", text))
	if errs.Errors() > 0 {
		t.Fatal(errs.Text())
	}
	return p
}

func TestFields(t *testing.T) {
	for _, c := range []struct {
		p    *Packet
		want string
	}{
		{syn, "ip.version 4 ip.hdrlength 5 ip.dscp 10 ip.ecn 2 ip.length 40 ip.id 4660 ip.frag-off 0 ip.ttl 64 ip.protocol 6 ip.checksum 19560 " +
			"ip.saddr 10.0.0.5 ip.daddr 192.168.0.20 tcp.sport 1234 tcp.dport 80 tcp.sequence 7 tcp.ackseq 9 tcp.doff 5 tcp.reserved 0 tcp.flags 322 " +
			"tcp.window 4096 tcp.checksum 43981 tcp.urgptr 3 ct.state new"},
		{ping, "ip6.version 6 ip6.dscp 42 ip6.ecn 2 ip6.flowlabel 74565 ip6.length 16 ip6.protocol 60 ip6.hoplimit 7 ip6.saddr 2001:db8::1 ip6.daddr 2001:db8::2 " +
			"icmp6.type 128 ct.state new"},
	} {
		var got []string
		for f := program.NoField + 1; f < program.Fields; f++ {
			if v := c.p.Field(f); v != "" {
				got = append(got, f.String()+" "+v)
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("\n got %s\nwant %s", s, c.want)
		}
	}
}

func TestHas(t *testing.T) {
	cut := &Packet{Data: syn.Data[:30]}
	later := packet("45000028 1234 0001 4006 0000 0a000005 c0a80014", "04d20050 00000007 00000009 5142 1000 abcd 0003")
	for _, c := range []struct {
		name string
		p    *Packet
		want string
	}{
		{"SYN", syn, "IP TCP"}, {"ping", ping, "IP6 ICMP6"}, {"cut off", cut, "IP"}, {"later fragment", later, "IP"},
		{"nothing", &Packet{}, ""}, {"cut off header", &Packet{Data: syn.Data[:19]}, ""}, {"version 5", packet("55000028" + strings.Repeat("00", 40)), ""},
	} {
		var got []string
		for p := syntax.IP; p <= syntax.ICMP6; p++ {
			if c.p.Has(p) {
				got = append(got, p.String())
			}
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s has %q, want %q", c.name, s, c.want)
		}
	}
}

// Each condition is true of the SYN.
func TestConditions(t *testing.T) {
	for _, cond := range []string{
		"ip.ttl == 64", "ip.ttl != 63", "ip.ttl > 63.5", "ip.ttl >= 64", "ip.ttl < 65", "ip.ttl <= 64", "64 == ip.ttl", "63 < ip.ttl",
		"not ip.ttl == 63", "not (ip.ttl == 64 and false)", "true or false and false", "not false", "5", "not 0", "yes",
		"ip.saddr in 10.0.0.0/8", "not ip.saddr in 10.0.0.0/30", "ip.saddr in 10.0.0.5 - 10.0.0.9", "ip.saddr in [1, 10.0.0.5]", "ip.saddr in names",
		"ip.saddr > 9.255.255.255", "ip.saddr != ip.daddr", "ip.saddr in [ip.daddr, ip.saddr]", "tcp.dport in names", "not tcp.sport in names",
		"tcp.dport == HTTP", "tcp.flags == 322", "tcp.flags > syn", "ct.state == new", "ct.state in [established, new]", "not ct.state == invalid",
		"80 == names.web", "names.deep.list in 5-9", "tcp.dport in [79.5 - 80.5]", "not tcp.dport in [80.5 - 99.5]", "tcp.dport > (-1)",
		"(ip.ttl == 1 or ip.ttl == 64) and (tcp.dport == 80 and (true))",
	} {
		p := load(t, "yes: true names: { web: 80, hosts: [10.0.0.1 - 10.0.0.5, ::1], deep: { list: 7 } }\nFilter::TCP f { if ("+cond+") { accept } else { drop } }")
		if r := Call(p.Functions[0], syn); r.Outcome != Accept {
			t.Errorf("%s: %v", cond, r.Outcome)
		}
	}
}

func TestStatements(t *testing.T) {
	for _, c := range []struct {
		body, want string
	}{
		{"accept drop", "accept"}, {"drop accept", "drop"}, {"log(\"a\")", "no verdict a"},
		{"Filter::UDP { drop } log(\"x\") Filter::TCP { log(tcp.dport, \" \", ip.saddr, \" \", ct.state) accept }", "accept x|80 10.0.0.5 new"},
		{"g log(\"behind\") g", "no verdict g|behind|g"}, {"h log(\"behind\")", "drop h"}, {"u accept", "accept"},
		{"if (false) { drop } else { if (true) { log(\"b\\n\") } } accept", "accept b\n"},
		{"syslog(ERR, \"e\") drop", "drop err:e"},
	} {
		p := load(t, "Filter::IP f { "+c.body+" }\nFilter::IP g { log(\"g\") }\nFilter::TCP h { log(\"h\") drop }\nFilter::UDP u { drop }")
		r := Call(p.Functions[0], syn)
		got := r.Outcome.String()
		for i, l := range r.Lines {
			got += []string{" ", "|"}[min(i, 1)]
			if l.Severity != program.Console {
				got += program.Severities[l.Severity] + ":"
			}
			got += l.Text
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.body, got, c.want)
		}
		if r := Call(p.Functions[0], &Packet{Data: syn.Data, State: program.Invalid}); r.Outcome != Drop || len(r.Lines) > 0 {
			t.Errorf("%s: %v for an invalid packet", c.body, r.Outcome)
		}
		if r := Call(p.Functions[0], ping); r.Outcome != Open {
			t.Errorf("%s: %v for an IPv6 packet", c.body, r.Outcome)
		}
	}
}

func TestChain(t *testing.T) {
	p := load(t, `Iface i { index: 0, prerouting: [nat, f, seen], input: f6, output: nat }
Nat::TCP nat { if (tcp.dport == 80) { dnat(192.168.0.54, 8080) } }
Filter::IP f { if (ip.daddr == 192.168.0.54) { accept } drop }
Filter::IP seen { log(ip.daddr) accept }
Filter::IP6 f6 { accept }`)
	i := p.Ifaces[0]
	data := append([]byte(nil), syn.Data...)
	r := Chain(i.Prerouting, &Packet{Data: data, State: program.New})
	if r.Outcome != Accept || len(r.Translations) != 1 || len(r.Lines) != 1 || r.Lines[0].Text != "192.168.0.54" {
		t.Errorf("%+v", r)
	}
	// The checksums are those of a datagram made with the new address and port.
	if got := hex.EncodeToString(data[10:24]); got != "4c46"+"0a000005"+"c0a80036"+"04d21f90" {
		t.Errorf("header %s", got)
	}
	if r := Chain(i.Prerouting, &Packet{Data: append([]byte(nil), syn.Data...), State: program.Established}); r.Outcome != Drop {
		t.Errorf("a packet of a known connection is translated: %+v", r)
	}
	if r := Chain(i.Input, syn); r.Outcome != Drop {
		t.Errorf("a chain without a filter for IPv4: %v", r.Outcome)
	}
	if r := Chain(i.Output, ping); r.Outcome != Accept {
		t.Errorf("a chain of Nats alone: %v", r.Outcome)
	}
	if r := Chain(nil, syn); r.Outcome != Accept {
		t.Errorf("no chain: %v", r.Outcome)
	}
}
