package nacl

import (
	"testing"
	"time"

	"tender/guest/net/journal"
	"tender/tests/rig/suite"
)

// TestFirewall is the routing firewall of the published texts: a default route,
// a bastion host, services of some hosts, and a syslog server.
func TestFirewall(t *testing.T) {
	suite.UnderBoth(t, testFirewall, "ping", "curl", "iperf3")
}

func testFirewall(t *testing.T, options []string) {
	s := newSite(t, options, programOf(t, "firewall.nacl"), "outside", "inside")
	outside := s.hosts["outside"].address("10.0.0.1/24", "10.55.1.1/32").route("192.168.0.0/24", "10.0.0.2")
	inside := s.hosts["inside"].address("192.168.0.20/24", "192.168.0.5/24", "192.168.0.231/24").route("default", "192.168.0.1")
	logs := inside.syslog("192.168.0.231:6514")
	for _, address := range []string{"192.168.0.20:80", "192.168.0.20:8080", "192.168.0.5:80"} {
		inside.web(address, "web")
	}
	outside.web("10.0.0.1:80", "outer web")
	arrives := func(severity journal.Severity, text string) {
		t.Helper()
		s.eventually(5*time.Second, "the message "+text, func() bool { n, _ := logs.count(severity, text); return n > 0 })
	}

	outside.curl("http://192.168.0.20/", "web for 10.0.0.1")
	arrives(journal.Info, "New connection established (from 10.0.0.1)")
	arrives(journal.Info, "Accepting packet from an already established connection (from 192.168.0.20)")
	outside.noCurl("http://192.168.0.20:8080/")
	outside.noPing("192.168.0.20")
	arrives(journal.Warning, "Dropping packet from saddr 10.0.0.1 to 192.168.0.20")
	outside.noCurl("http://192.168.0.5/")
	arrives(journal.Warning, "Dropping packet from saddr 10.0.0.1 to 192.168.0.5")
	inside.noCurl("http://10.0.0.1/")
	arrives(journal.Warning, "Dropping packet from saddr 192.168.0.20 to 10.0.0.1")
	outside.client([]string{" 1 received"}, "ping", "-n", "-c", "1", "-W", "3", "-I", "10.55.1.1", "192.168.0.20")
	outside.client([]string{"web for 10.55.1.1"}, "curl", "-sS", "--max-time", "10", "--interface", "10.55.1.1", "http://192.168.0.20:8080/")
	if _, malformed := logs.count(journal.Info, ""); malformed != 0 {
		t.Errorf("%d messages are not as RFC 5424 has them: %q", malformed, logs.all())
	}

	inside.start("tcp", "443", "iperf3", "-s", "-1", "-p", "443")
	outside.client([]string{"receiver"}, "iperf3", "-c", "192.168.0.20", "-p", "443", "-t", "1")

	// Each datagram is worth a message, which is more than is sent.
	flood := outside.dial("udp", "192.168.0.20:9")
	s.eventually(20*time.Second, "the server is told of messages that were not sent", func() bool {
		for range 1000 {
			flood.Write([]byte("x"))
		}
		return logs.has(" messages were not sent")
	})
}
