package explain

import (
	"os"
	"strings"
	"testing"

	"tender/nacl"
	"tender/nacl/diag"
	"tender/nacl/program"
)

func load(t testing.TB, name string) *program.Program {
	t.Helper()
	text, err := os.ReadFile("../testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	p, errs := nacl.Load(diag.NewSource(name, string(text)))
	if errs.Errors() > 0 {
		t.Fatal(errs.Text())
	}
	return p
}

func TestPacket(t *testing.T) {
	for _, c := range []struct{ file, packet, want string }{
		{"firewall.nacl", "tcp 10.0.0.5:1234 > 192.168.0.20:80 state new", `forward of myGateway: accept
    19: Filter::TCP
    20: if (ip.daddr in allowed_hosts and tcp.dport in allowed_services)
    21: syslog(INFO, "New connection established (from ", ip.saddr, ")")
        says: "New connection established (from 10.0.0.5)"
    22: accept
ACCEPT: it is forwarded, out of inside
`},
		{"firewall.nacl", "icmp 8.8.8.8 > 192.168.0.20", `forward of myGateway: drop
    25: syslog(WARNING, "Dropping packet from saddr ", ip.saddr," to ",ip.daddr)
        says: "Dropping packet from saddr 8.8.8.8 to 192.168.0.20"
    26: drop
DROP: by forward of myGateway
`},
		{"firewall.nacl", "udp 10.55.1.1:5 > 192.168.0.20:9", `forward of myGateway: accept
    18: if (ip.saddr == bastion_host)
    18: accept
ACCEPT: it is forwarded, out of inside
`},
		{"firewall.nacl", "tcp 10.0.0.5:1 > 192.168.0.20:80 state invalid", "DROP: connection tracking finds the packet invalid\n"},
		{"firewall.nacl", "tcp 10.0.0.5:1 > 10.0.0.2:80", "ACCEPT: it is for the appliance itself, address 10.0.0.2 of outside\n"},
		{"firewall.nacl", "tcp [::5]:1 > [::6]:80", "DROP: no Iface leads to the source ::5: say where the packet comes in with iface NAME\n"},
		{"firewall.nacl", "tcp [::5]:1 > [::6]:80 iface inside", "DROP: there is no route to ::6\n"},
		{"proxy.nacl", "tcp 8.8.8.8:1234 > 10.0.0.2:5001", `prerouting of outside: accept
     5: Nat::TCP
     5: if (ip.daddr == outside.address and tcp.dport == tport )
     5: dnat(target)
        translated: 8.8.8.8:1234 > 10.0.0.2:5001 becomes 8.8.8.8:1234 > 192.168.0.54:5001
postrouting of inside: accept
     6: Nat::TCP
     6: if (ip.daddr == target and tcp.dport == tport )
     6: snat(inside.address)
        translated: 8.8.8.8:1234 > 192.168.0.54:5001 becomes 192.168.0.1:1234 > 192.168.0.54:5001
ACCEPT: it is forwarded, out of inside
`},
		{"proxy.nacl", "udp 8.8.8.8:1234 > 192.168.0.54:5001", `prerouting of outside: accept
postrouting of inside: accept
DROP: without a Gateway only what is translated is forwarded
`},
		{"everything.nacl", "icmp6 2001:db8:1::7 > 2001:db8::9 type packet-too-big", `forward of router: accept
    79: Filter::ICMP6
    79: if (icmp6.type in [echo-request, packet-too-big, time-exceeded])
    79: accept
ACCEPT: it is forwarded, out of outside, and has the address of outside from there on
`},
	} {
		p := load(t, c.file)
		e, err := Packet(p, c.packet)
		if err != nil {
			t.Errorf("%s: %v", c.packet, err)
			continue
		}
		if got := e.Text(p.Source, false); got != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.file, c.packet, got, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	p := load(t, "firewall.nacl")
	for _, c := range []struct{ packet, want string }{
		{"", "a packet is PROTOCOL"},
		{"tcp 10.0.0.1:1 10.0.0.2:2", "a packet is PROTOCOL"},
		{"sctp 10.0.0.1 > 10.0.0.2", `"sctp" is no protocol`},
		{"tcp 10.0.0.1 > 10.0.0.2:5", "10.0.0.1 has no port: write 10.0.0.1:80"},
		{"icmp 10.0.0.1:5 > 10.0.0.2", "this protocol has no ports"},
		{"icmp 10.0.0.256 > 10.0.0.2", `"10.0.0.256" is no address`},
		{"icmp ::1%eth0 > ::2", "is no address"},
		{"icmp6 10.0.0.1 > 10.0.0.2", "icmp6 is not a protocol of this version of IP"},
		{"udp 10.0.0.1:5 > [::1]:5", "different versions of IP"},
		{"udp 10.0.0.1:5 > 10.0.0.2:5 ttl", `"ttl" has no value behind it`},
		{"udp 10.0.0.1:5 > 10.0.0.2:5 ttl 256", "ttl 256: a number up to 255"},
		{"udp 10.0.0.1:5 > 10.0.0.2:5 colour red", `"colour" means nothing here`},
		{"udp 10.0.0.1:5 > 10.0.0.2:5 state old", `"old" is no state`},
		{"udp 10.0.0.1:5 > 10.0.0.2:5 length 20", "length 20: the headers alone have 28 bytes"},
		{"tcp 10.0.0.1:5 > 10.0.0.2:5 flags syn,xyz", `"xyz" is no flag`},
		{"udp 10.0.0.1:5 > 10.0.0.2:5 iface lan", "the program has no Iface lan"},
	} {
		if _, err := Packet(p, c.packet); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v", c.packet, err)
		}
	}
}

func FuzzPacket(f *testing.F) {
	p := load(f, "everything.nacl")
	for _, s := range []string{"tcp 10.0.0.5:1234 > 192.168.0.20:80 state new", "icmp6 ::1 > ::2 type redirect length 60", "99 10.0.0.1>10.0.0.2 iface lab"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := Packet(p, text); err == nil && e.Text(p.Source, true) == "" {
			t.Error("nothing is explained")
		}
	})
}
