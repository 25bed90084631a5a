package nacl

import (
	"testing"

	"tender/tests/rig/suite"
)

// vlans routes between three VLANs, two of them on one device.
const vlans = `
Iface office { index: 0, vlan: 10, address: 10.1.10.1, netmask: 255.255.255.0 }
Iface lab { index: 0, vlan: 20, address: 10.1.20.1, netmask: 255.255.255.0 }
Iface servers { index: 1, vlan: 30, address: 10.1.30.1, netmask: 255.255.255.0 }
Gateway gw {
	office_net: { net: 10.1.10.0, netmask: 255.255.255.0, iface: office },
	lab_net: { net: 10.1.20.0, netmask: 255.255.255.0, iface: lab },
	server_net: { net: 10.1.30.0, netmask: 255.255.255.0, iface: servers },
	forward: between
}
Filter::IP between {
	if (ct.state == established or ct.state == related) { accept }
	if (ip.saddr in 10.1.10.0/24) { accept }
	Filter::TCP { if (ip.saddr in 10.1.20.0/24 and ip.daddr in 10.1.30.0/24 and tcp.dport == http) { accept } }
	drop
}
`

// TestVLAN has hosts that are each on one VLAN of a trunk.
func TestVLAN(t *testing.T) {
	suite.UnderBoth(t, testVLAN, "ping", "curl", "iperf3", "ss")
}

func testVLAN(t *testing.T, options []string) {
	s := newSite(t, options, vlans, "nic0", "nic1") // nobody's names, as VLANs share them
	first, second := newTrunk(s.hosts["nic0"]), newTrunk(s.hosts["nic1"])
	office := first.host(10, "office").address("10.1.10.5/24").route("default", "10.1.10.1")
	lab := first.host(20, "lab").address("10.1.20.5/24").route("default", "10.1.20.1")
	servers := second.host(30, "servers").address("10.1.30.5/24").route("default", "10.1.30.1")
	servers.web("10.1.30.5:80", "server")
	servers.web("10.1.30.5:8080", "other server")
	office.web("10.1.10.5:80", "office")

	for _, p := range []struct {
		from   *host
		target string
	}{{office, "10.1.10.1"}, {lab, "10.1.20.1"}, {servers, "10.1.30.1"}, {office, "10.1.20.5"}, {office, "10.1.30.5"}} {
		p.from.ping(p.target)
	}
	lab.curl("http://10.1.30.5/", "server for 10.1.20.5")
	office.curl("http://10.1.30.5:8080/", "other server for 10.1.10.5")
	lab.noCurl("http://10.1.30.5:8080/")
	lab.noCurl("http://10.1.10.5/")
	servers.noPing("10.1.10.5")
	servers.start("tcp", "5201", "iperf3", "-s")
	office.client([]string{"receiver"}, "iperf3", "-c", "10.1.30.5", "-t", "1")

	// Without a tag, or with one of nobody, there is no appliance.
	first.h.address("10.1.10.6/24").noPing("10.1.10.1")
	first.host(40, "nobody").address("10.1.20.6/24").noPing("10.1.20.1")
	second.host(10, "stranger").address("10.1.10.7/24").noPing("10.1.10.1")
}
