package stack

import (
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

func acknowledgement(options dhcpv4.Options) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{YourIPAddr: net.IP{10, 0, 0, 9}, Options: dhcpv4.Options{54: {10, 0, 0, 1}, 51: {0, 0, 14, 16}}}
	for code, v := range options {
		m.Options[code] = v
	}
	return m
}

// What a server says, as the lease has it.
func TestParseLease(t *testing.T) {
	for name, test := range map[string]struct {
		options dhcpv4.Options
		get     func(*lease) any
		want    any
	}{
		"class":              {nil, func(l *lease) any { return l.address.String() }, "10.0.0.9/8"},
		"mask":               {dhcpv4.Options{1: {255, 255, 255, 128}}, func(l *lease) any { return l.address.String() }, "10.0.0.9/25"},
		"host":               {dhcpv4.Options{1: {255, 255, 255, 255}}, func(l *lease) any { return l.address.String() }, "10.0.0.9/32"},
		"times":              {nil, func(l *lease) any { return []time.Duration{l.renew, l.rebind, l.expires} }, []time.Duration{1800 * time.Second, 3150 * time.Second, 3600 * time.Second}},
		"T1":                 {dhcpv4.Options{58: {0, 0, 0, 9}}, func(l *lease) any { return []time.Duration{l.renew, l.rebind} }, []time.Duration{9 * time.Second, 3150 * time.Second}},
		"T2":                 {dhcpv4.Options{59: {0, 0, 0, 9}}, func(l *lease) any { return []time.Duration{l.renew, l.rebind} }, []time.Duration{9 * time.Second, 9 * time.Second}},
		"T1 after T2":        {dhcpv4.Options{58: {0, 0, 0, 9}, 59: {0, 0, 0, 8}}, func(l *lease) any { return l.renew }, 1800 * time.Second},
		"T2 after the end":   {dhcpv4.Options{59: {0, 0, 255, 0}}, func(l *lease) any { return l.rebind }, 3150 * time.Second},
		"T1 of 0":            {dhcpv4.Options{58: {0, 0, 0, 0}}, func(l *lease) any { return l.renew }, 1800 * time.Second},
		"infinite":           {dhcpv4.Options{51: {255, 255, 255, 255}}, func(l *lease) any { return l.infinite }, true},
		"router":             {dhcpv4.Options{3: {10, 0, 0, 9, 10, 0, 0, 2, 10, 0, 0, 3}}, func(l *lease) any { return l.gateway().String() }, "10.0.0.2"},
		"half a router":      {dhcpv4.Options{3: {10, 0}}, func(l *lease) any { return len(l.routes) }, 0},
		"classless":          {dhcpv4.Options{3: {10, 0, 0, 2}, 121: {24, 10, 9, 8, 10, 0, 0, 7}}, func(l *lease) any { return l.routes[0].to.String() + " " + l.gateway().String() }, "10.9.8.0/24 invalid IP"},
		"on the link":        {dhcpv4.Options{121: {16, 10, 9, 0, 0, 0, 0}}, func(l *lease) any { return l.routes[0].via.IsUnspecified() }, true},
		"classless, cut off": {dhcpv4.Options{121: {24, 10, 9, 8, 10, 0, 0, 7, 24, 10, 9}}, func(l *lease) any { return len(l.routes) }, 1},
		"classless, 33 bits": {dhcpv4.Options{121: {33, 10, 9, 8, 7, 10, 0, 0, 7}}, func(l *lease) any { return len(l.routes) }, 0},
		"name servers":       {dhcpv4.Options{6: {1, 1, 1, 1, 0, 0, 0, 0, 224, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 9}}, func(l *lease) any { return len(l.dns) }, 2},
		"hostname":           {dhcpv4.Options{12: []byte("web\x00")}, func(l *lease) any { return l.hostname }, "web"},
		"bad hostname":       {dhcpv4.Options{12: []byte("a b\nc")}, func(l *lease) any { return l.hostname }, ""},
		"domain":             {dhcpv4.Options{15: []byte("example.org.")}, func(l *lease) any { return l.search }, []string{"example.org"}},
		"bad domain":         {dhcpv4.Options{15: []byte("x\nnameserver 6.6.6.6")}, func(l *lease) any { return len(l.search) }, 0},
		"search":             {dhcpv4.Options{15: []byte("a"), 119: []byte("\x01b\x01c\x00\x01d\xc0\x02")}, func(l *lease) any { return l.search }, []string{"b.c", "d.c"}},
		"search, endless":    {dhcpv4.Options{119: []byte("\x01b\xc0\x00")}, func(l *lease) any { return len(l.search) }, 0},
		"MTU":                {dhcpv4.Options{26: {5, 120}}, func(l *lease) any { return l.mtu }, 1400},
		"small MTU":          {dhcpv4.Options{26: {2, 64}}, func(l *lease) any { return l.mtu }, 0},
	} {
		l, err := parseLease(acknowledgement(test.options), time.Now())
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if got := test.get(l); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// Any message gives an error or a lease that makes sense.
func FuzzLease(f *testing.F) {
	f.Add(acknowledgement(nil).ToBytes())
	f.Add(acknowledgement(dhcpv4.Options{1: {255, 255, 255, 0}, 3: {10, 0, 0, 1}, 6: {1, 1, 1, 1}, 12: []byte("a"), 15: []byte("b.c"), 26: {5, 0}, 58: {0, 0, 0, 1}}).ToBytes())
	f.Add(acknowledgement(dhcpv4.Options{119: []byte("\x01b\x01c\x00\x01d\xc0\x02"), 121: {24, 10, 9, 8, 10, 0, 0, 7, 0, 10, 0, 0, 1}}).ToBytes())
	f.Add(acknowledgement(dhcpv4.Options{119: []byte("\x01b\xc0\x00")}).ToBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		l, err := parseLease(m, time.Now())
		if err != nil {
			return
		}
		if l.renew <= 0 || l.renew > l.rebind || l.rebind > l.expires || !l.server.IsValid() || !l.address.IsValid() || l.address.Bits() == 0 ||
			checkHost(l.address.Addr(), l.address.Bits()) != nil {
			t.Fatalf("%+v", l)
		}
		if len(l.routes) > maxRoutes || len(l.dns) > maxServers || len(l.search) > maxSearch || l.mtu != 0 && l.mtu < MinMTU ||
			l.hostname != "" && !validHostname(l.hostname) {
			t.Fatalf("%+v", l)
		}
	})
}
