package nacl

import (
	"testing"

	"tender/tests/rig/suite"
)

// six forwards IPv6 alone.
const six = `
Iface outside { index: 0, address6: 2001:db8::2/64, gateway6: 2001:db8::1 }
Iface inside { index: 1, address6: 2001:db8:1::1/64 }
Gateway gw {
	outer: { net6: 2001:db8::/64, iface: outside },
	inner: { net6: 2001:db8:1::/64, iface: inside },
	everything: { net6: ::/0, nexthop6: 2001:db8::1, iface: outside },
	forward: rules
}
servers: { web: 2001:db8:1::20, others: 2001:db8:1::80 - 2001:db8:1::90 }
Filter::IP6 rules {
	if (ct.state in [established, related]) { accept }
	if (ip6.saddr in 2001:db8:1::/64) { accept }
	Filter::TCP { if (ip6.daddr in servers and tcp.dport in [80, 5201]) { accept } }
	Filter::ICMP6 { if (icmp6.type == echo-request and ip6.daddr == servers.web) { accept } }
	drop
}
`

// TestIPv6 has a firewall between two networks, and one behind its gateway.
func TestIPv6(t *testing.T) {
	suite.UnderBoth(t, testIPv6, "ping", "curl", "dig", "dnsmasq", "iperf3", "ncat", "ss")
}

func testIPv6(t *testing.T, options []string) {
	s := newSite(t, options, six, "outside", "inside")
	outside := s.hosts["outside"].address("2001:db8::1/64", "2001:db8:77::1/128").route("2001:db8:1::/64", "2001:db8::2")
	inside := s.hosts["inside"].address("2001:db8:1::20/64", "2001:db8:1::85/64", "2001:db8:1::99/64").route("default", "2001:db8:1::1")
	for _, address := range []string{"20]:80", "20]:8080", "85]:80", "99]:80"} {
		inside.web("[2001:db8:1::"+address, "web")
	}
	outside.web("[2001:db8:77::1]:80", "far web")

	outside.ping("2001:db8::2")
	inside.ping("2001:db8:1::1")
	outside.ping("2001:db8:1::20")
	inside.ping("2001:db8:77::1")
	outside.noPing("2001:db8:1::85")
	outside.client([]string{"web for 2001:db8::1"}, "curl", "-sS", "--max-time", "10", "--interface", "2001:db8::1", "http://[2001:db8:1::20]/")
	outside.curl("http://[2001:db8:1::85]/", "web for ")
	outside.noCurl("http://[2001:db8:1::20]:8080/")
	outside.noCurl("http://[2001:db8:1::99]/")
	inside.curl("http://[2001:db8:77::1]/", "far web for 2001:db8:1::")

	outside.start("udp", "53", "dnsmasq", "-k", "-C", "/dev/null", "--no-hosts", "--no-resolv", "--pid-file=", "--user=root",
		"--listen-address=2001:db8::1", "--bind-interfaces", "--address=/www.example/2001:db8:9::9")
	inside.client([]string{"2001:db8:9::9"}, "dig", "+short", "+tries=1", "+time=5", "@2001:db8::1", "AAAA", "www.example")
	inside.client([]string{"refused"}, "sh", "-c", "(echo one; sleep 1; echo two; sleep 1) | ncat -u -w 3 2001:db8::1 4444")
	inside.client([]string{"Hop limit"}, "ping", "-n", "-c", "1", "-W", "2", "-t", "1", "2001:db8::1")
	inside.start("tcp", "5201", "iperf3", "-s")
	outside.client([]string{"receiver"}, "iperf3", "-c", "2001:db8:1::20", "-t", "1")
	outside.client([]string{"receiver"}, "iperf3", "-c", "2001:db8:1::20", "-t", "1", "--reverse")
}
