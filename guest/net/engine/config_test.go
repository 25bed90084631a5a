package engine

import (
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

func TestNewRefuses(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no interface":       func(c *Config) { c.Interfaces = nil },
		"no port":            func(c *Config) { c.Interfaces[0].Port = nil },
		"group MAC":          func(c *Config) { c.Interfaces[0].MAC = wire.BroadcastMAC },
		"MTU":                func(c *Config) { c.Interfaces[0].MTU = 67 },
		"no address":         func(c *Config) { c.Interfaces[0].Addrs = nil },
		"network address":    func(c *Config) { c.Interfaces[0].Addrs[0].Addr = nettest.Addr("10.0.0.0") },
		"broadcast address":  func(c *Config) { c.Interfaces[0].Addrs[0].Addr = nettest.Addr("10.0.0.255") },
		"loopback":           func(c *Config) { c.Interfaces[0].Addrs[0].Addr = nettest.Addr("127.0.0.1") },
		"same network twice": func(c *Config) { c.Interfaces[1].Addrs[0] = nettest.Prefix("10.0.0.9/24") },
		"same address twice": func(c *Config) { c.Interfaces[1].Addrs[0] = nettest.Prefix("10.0.0.2/25") },
		"route to nowhere":   func(c *Config) { c.Routes[0].Iface = 2 },
		"next hop not there": func(c *Config) { c.Routes[0].NextHop = server.ip },
		"next hop is us":     func(c *Config) { c.Routes[0].NextHop = outsideIP },
		"next hop broadcast": func(c *Config) { c.Routes[0].NextHop = nettest.Addr("10.0.0.255") },
		"local route":        func(c *Config) { c.Routes[0].Kind = route.Local },
		"prefix":             func(c *Config) { c.Routes[0].Prefix.Bits = 33 },
		"flows":              func(c *Config) { c.Flows = -1 },
		"fragments":          func(c *Config) { c.Fragments = -1 },
		"errors":             func(c *Config) { c.ICMPErrorsPerSecond = -1 },
		"neighbours":         func(c *Config) { c.Neighbours = -1 },
	} {
		c := config(t, [2]Port{&recorder{t: t}, &recorder{t: t}})
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		} else if len(err.Error()) < 20 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFateNames(t *testing.T) {
	seen := map[string]bool{}
	for f := range Fates {
		if s := f.String(); s == "" || seen[s] {
			t.Errorf("fate %d has the name %q", f, s)
		} else {
			seen[s] = true
		}
	}
}
