package check

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tender/nacl/diag"
	"tender/nacl/program"
	"tender/nacl/syntax"
)

// programs are the texts in testdata, by name.
func programs(t testing.TB) map[string]string {
	paths, err := filepath.Glob("../testdata/*.nacl")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no programs: %v", err)
	}
	all := map[string]string{}
	for _, p := range paths {
		text, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(p)] = string(text)
	}
	return all
}

func TestPrograms(t *testing.T) {
	for name, text := range programs(t) {
		if _, said := run(text); len(said) > 0 {
			t.Errorf("%s: %q", name, said)
		}
	}
}

func TestAccepted(t *testing.T) {
	for _, text := range []string{
		"a: b b: 5 c: { d: [b, {e: established}] } f: c.d",
		"m: { e1: 1 }\nm.e2.e2-3: 50\nm.e2: { x: 1 }\nz: m.e2.e2-3",
		"Filter::IP drop { drop }\nFilter::IP debug { log(\"x\") accept }\nNat::IP dnat { dnat(5) }\nNat::IP snat { snat(10.0.0.1, 5) }",
		"FILTER::ip f { IF }\nFilter::IP IF { ACCEPT }",
		"Filter::IP f { SysLog(Warning, \"x\", IP.SADDR) log(ct.state, ip.frag-off) accept drop }",
		"http: 8080\nFilter::TCP f { if (tcp.dport == http) { accept } }",
		"ip6: {x: 5}\ny: ip6.x",
		"T: [80, 10.0.0.1, 10.0.0.0/8, 1.5 - 2.5, new]\nFilter::TCP f { if (ip.daddr in T and tcp.dport in T or ct.state IN T) { accept } }",
		"Filter::IP f { if (80 == ip.id or ip.saddr == ip.daddr or not (5 in 1-9) and true) { drop } else { accept() } }",
		"Filter::IP f { if (ip.saddr in [ip.daddr, 10.0.0.1]) { drop } }",
		"Filter::IP f { g g() Filter::TCP { h Filter::TCP inner { h } } }\nFilter::IP g { drop }\nFilter::TCP h { g }",
		"Filter::TCP f { Filter::IP { if (ip.ttl == 1) { drop } } Filter::IP6 { if (ip6.hoplimit == 1) { drop } } if (tcp.dport == 80) { accept } }\n" +
			"Filter::IP a { f }\nFilter::IP6 b { f }",
		"Iface eth0 dhcp\neth0.index: 0 eth0.input: [f, n]\nFilter::IP f { accept }\nNat::UDP n { if (udp.dport == dns) { dnat(10.0.0.1) } }",
		"chain: [f, g]\nIface a { index: 0, INPUT: chain }\nFilter::IP f { accept }\nFilter::IP6 g { Filter::ICMP6 { if (icmp6.type in [echo-request, packet-too-big]) { accept } } drop }",
		"Iface a { index: 0, dns: 10.0.0.53 }\nFilter::UDP f { if (ip.daddr == a.dns and udp.dport == dns) { accept } }",
		"Iface a { index: \"02:00:00:00:00:01\", masquerade: true, send_queue_limit: 10, buffer_limit: 20 }",
		"Gateway g [ { net: 10.0.0.0, netmask: 255.0.0.0, iface: a } ]\nIface a { index: 0, address6: 2001:db8::1/64, gateway6: fe80::1 }\ng.forward: f\nFilter::IP f { drop }\n" +
			"g.r6: { net6: 2001:db8:1::/48, IFACE: a, nexthop6: fe80::2, cost: 5 }\ng.host: { host6: ::1, iface: a }",
		"o: { net: 10.0.0.0, netmask: 255.0.0.0, iface: a }\nGateway g { r: o, send_time_exceeded: false }\nIface a { index: 0 }",
		"Conntrack c { limit: 100, reserve: 10, stateful_tcp: false, timeout: { confirmed: { tcp: 5 } } }\nc.timeout.established: { udp: 7 }",
		"clients: { iface: a, port: https }\nsrv: { address: 10.0.0.1, port: http }\npool: [srv, { address: 10.0.0.2, port: 80 }]\n" +
			"Load_balancer b { layer: TCP, clients: clients, servers: { iface: a, algorithm: Round_Robin, pool: pool } }\nIface a { index: 0 }",
		"Iface a { index: 0, address6: ::5, prefix6: 64 }\nLoad_balancer b { layer: tcp6, clients: { iface: a, port: 1 }, servers: { iface: a, algorithm: round_robin, pool: [{ address: ::1, port: 1 }] } }",
		"Timer t { Interval: 30, DATA: [timestamp, stats, memory, cpu, lb, stack-sampling, timers] }",
		"",
	} {
		if _, said := run(text); len(said) > 0 {
			t.Errorf("%s\n%q", text, said)
		}
	}
}

func TestModel(t *testing.T) {
	p, said := run(programs(t)["firewall.nacl"])
	if len(said) > 0 {
		t.Fatal(said)
	}
	outside, g := p.Ifaces[0], p.Gateway
	if outside.Addr != netip.MustParsePrefix("10.0.0.2/24") || outside.Gateway != netip.MustParseAddr("10.0.0.1") || outside.Index != 0 {
		t.Errorf("%+v", outside)
	}
	if len(g.Routes) != 3 || g.Routes[2].Prefix != netip.MustParsePrefix("0.0.0.0/0") || g.Routes[2].Iface != outside || g.Routes[2].Cost != 1 || !g.SendTimeExceeded {
		t.Errorf("%+v", g)
	}
	if p.Syslog.Address != netip.MustParseAddrPort("192.168.0.231:6514") || len(g.Forward) != 1 || !g.Forward[0].Used {
		t.Errorf("%+v, %+v", p.Syslog, g.Forward)
	}
	body := g.Forward[0].Body
	block := body[2].(*program.Block)
	and := block.Body[0].(*program.If).Cond.(*program.Logic)
	ports := and.Terms[1].(*program.Member)
	if len(body) != 5 || block.Protocol != syntax.TCP || and.Or || ports.Left.Field != program.TCPDestinationPort || len(ports.Set) != 2 || ports.Set[1].Low.Int != 443 {
		t.Errorf("%+v", ports)
	}
	if body[4].(*program.Verdict).Accept {
		t.Error("the last verdict is drop")
	}
}

// Sets that contain each other twice would have 2^40 members, and calls the
// same.
func TestExplosions(t *testing.T) {
	var sets, calls strings.Builder
	for i := range 40 {
		fmt.Fprintf(&sets, "s%d: [s%d, s%d]\n", i, i+1, i+1)
		fmt.Fprintf(&calls, "Filter::IP f%d { f%d f%d }\n", i, i+1, i+1)
	}
	_, said := run(sets.String() + "s40: [1, 2]\nFilter::IP f { if (ip.id in s0) { drop } }")
	if len(said) == 0 || !strings.Contains(said[0], "have more than 524288 members") {
		t.Errorf("%q", said)
	}
	_, said = run(calls.String() + "Filter::IP f40 { drop }")
	if len(said) == 0 || !strings.Contains(said[0], "executes more than 1048576 actions") {
		t.Errorf("%q", said)
	}
	var chain strings.Builder
	for i := range 100 {
		fmt.Fprintf(&chain, "Filter::IP f%d { f%d }\n", i, i+1)
	}
	if _, said = run(chain.String() + "Filter::IP f100 { drop }"); len(said) != 1 || !strings.Contains(said[0], "more than 64 functions") {
		t.Errorf("%q", said)
	}
	var names strings.Builder
	for i := range 10000 {
		fmt.Fprintf(&names, "n%d: n%d\n", i, i+1)
	}
	if _, said = run(names.String() + "n10000: 5"); len(said) == 0 {
		t.Error("10000 names, one after the other, are accepted")
	}
}

func FuzzCheck(f *testing.F) {
	for _, text := range programs(f) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src := diag.NewSource("f.nacl", text)
		errs := diag.NewList(src)
		p := Check(syntax.Parse(src, errs), errs)
		if p == nil {
			t.Fatal("no program")
		}
		errs.Text()
	})
}
