package check

import (
	"strings"

	"tender/nacl/program"
)

// predefined is a name that has a value in every program.
type predefined struct {
	name  string
	value program.Scalar
	// icmp6 is the value where the type of an ICMPv6 message is meant, no6
	// if there is none; the same names have other numbers there.
	icmp6 int64
	// unusable says why the name has no value.
	unusable string
}

// Values of predefined.icmp6 other than types.
const (
	no6   = -1
	same6 = -2
)

// predefinedNames are the names: ports, protocol numbers, ICMP types (RFC 792, RFC
// 4443, RFC 4861), states, TCP flags as bits of tcp.flags.
var predefinedNames = makePredefined()

func makePredefined() map[string]*predefined {
	all := map[string]*predefined{}
	add := func(p predefined) { all[p.name] = &p }
	for name, n := range map[string]int64{
		"ssh": 22, "dns": 53, "http": 80, "https": 443,
		"icmp": 1, "ip": 4, "tcp": 6, "udp": 17, "ip6": 41, "icmp6": 58,
		"fin": 1, "syn": 2, "rst": 4, "psh": 8, "ack": 16, "urg": 32, "ece": 64, "cwr": 128, "ns": 256,
	} {
		add(predefined{name: name, value: program.Whole(n), icmp6: same6})
	}
	for name, types := range map[string][2]int64{
		"echo-reply": {0, 129}, "destination-unreachable": {3, 1}, "redirect": {5, 137}, "echo-request": {8, 128},
		"time-exceeded": {11, 3}, "parameter-problem": {12, 4}, "timestamp-request": {13, no6}, "timestamp-reply": {14, no6},
	} {
		add(predefined{name: name, value: program.Whole(types[0]), icmp6: types[1]})
	}
	for name, n := range map[string]int64{
		"packet-too-big": 2, "router-solicitation": 133, "router-advertisement": 134,
		"neighbor-solicitation": 135, "neighbor-advertisement": 136,
	} {
		add(predefined{name: name, value: program.Whole(n), icmp6: n})
	}
	for _, s := range []program.State{program.Invalid, program.New, program.Established, program.Related} {
		add(predefined{name: s.String(), value: program.Scalar{Shape: program.ConnState, State: s}, icmp6: same6})
	}
	add(predefined{name: "round_robin", unusable: "it is the algorithm of a Load_balancer"})
	for _, name := range []string{"oif", "oifname", "iif", "iifname"} {
		add(predefined{name: name, unusable: "the interface is known by the chain a function is on"})
	}
	return all
}

func lookup(name string) *predefined { return predefinedNames[strings.ToLower(name)] }

// only6 are the names that no type of ICMP for IPv4 has.
func (p *predefined) only6() bool { return p.icmp6 >= 0 && p.value.Int == p.icmp6 }
