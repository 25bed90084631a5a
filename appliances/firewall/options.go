package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tender/guest/net/engine"
	"tender/guest/net/filter"
	"tender/guest/net/flow"
	"tender/guest/net/packet"
	"tender/guest/net/route"
	"tender/guest/net/wire"
)

// The interfaces, by the names of the devices in manifest.json.
const (
	outside = iota
	inside
)

var ifaceNames = [2]string{outside: "outside", inside: "inside"}

// options are the arguments, understood.
type options struct {
	// config lacks what the devices know.
	config           engine.Config
	stats, exitAfter time.Duration
	rules            []filter.Rule
	policy           packet.Verdict
	echo             bool
}

var errHelp = errors.New("help is wanted")

// flags are what every flag does with its value, and an example of it.
var flags = map[string]struct {
	set     func(o *options, value string) error
	example string
}{
	"outside":     {func(o *options, v string) error { return o.address(outside, v) }, "10.0.0.2/24"},
	"inside":      {func(o *options, v string) error { return o.address(inside, v) }, "192.168.0.1/24"},
	"route":       {(*options).route, "0.0.0.0/0,10.0.0.1"},
	"allow":       {func(o *options, v string) error { return o.rule(packet.Accept, v) }, "tcp,dst=192.168.0.20,dport=80"},
	"drop":        {func(o *options, v string) error { return o.rule(packet.Drop, v) }, "any,src=10.0.0.66"},
	"policy":      {(*options).setPolicy, "drop"},
	"echo":        {(*options).setEcho, "no"},
	"flows":       {func(o *options, v string) error { return count(&o.config.Flows, v, flow.MaxCapacity) }, "16384"},
	"icmp-errors": {func(o *options, v string) error { return count(&o.config.ICMPErrorsPerSecond, v, 1e6) }, "100"},
	"stats":       {func(o *options, v string) error { return duration(&o.stats, v) }, "10s"},
	"exit-after":  {func(o *options, v string) error { return duration(&o.exitAfter, v) }, "30s"},
}

// parse understands the arguments. An error names the argument, what is wrong
// with it, and a right form.
func parse(args []string) (*options, error) {
	o := &options{echo: true}
	o.config.Interfaces = make([]engine.Interface, len(ifaceNames))
	for _, arg := range args {
		if arg == "" {
			continue // two spaces in a row on the command line
		}
		if arg == "--help" || arg == "-h" || arg == "help" {
			return nil, errHelp
		}
		name, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		f, known := flags[name]
		switch {
		case !strings.HasPrefix(arg, "--") || !known:
			return nil, fmt.Errorf("%s: there is no such argument; --help lists them all, for example --inside=192.168.0.1/24", arg)
		case !hasValue || value == "":
			return nil, fmt.Errorf("%s: needs a value; for example --%s=%s", arg, name, f.example)
		}
		if err := f.set(o, value); err != nil {
			return nil, fmt.Errorf("%s: %w; for example --%s=%s", arg, err, name, f.example)
		}
	}
	for i, name := range ifaceNames {
		if len(o.config.Interfaces[i].Addrs) == 0 {
			return nil, fmt.Errorf("--%s: is missing; every interface needs an address, for example --%s=%s", name, name, flags[name].example)
		}
	}
	if err := o.finish(); err != nil {
		return nil, err
	}
	return o, nil
}

// finish does what needs all arguments.
func (o *options) finish() error {
	for i := range o.config.Routes {
		r := &o.config.Routes[i]
		iface, err := o.ifaceOf(r.NextHop)
		if err != nil {
			return fmt.Errorf("--route=%v,%v: %w; for example --route=%s", r.Prefix, r.NextHop, err, flags["route"].example)
		}
		r.Iface = iface
	}
	answers := filter.Any()
	answers.States, answers.Verdict = filter.StatesOf(packet.Established, packet.Related), packet.Accept
	set, err := filter.New(append([]filter.Rule{answers}, o.rules...), o.policy)
	if err != nil {
		return fmt.Errorf("--allow and --drop: %w", err)
	}
	o.config.Forward = set.Verdict
	for i := range o.config.Interfaces {
		if !o.echo {
			o.config.Interfaces[i].Input = func(*packet.Packet) packet.Verdict { return packet.Drop }
		}
	}
	return nil
}

// ifaceOf is the interface that has a as a neighbour.
func (o *options) ifaceOf(a wire.Addr4) (int, error) {
	for i := range o.config.Interfaces {
		for _, p := range o.config.Interfaces[i].Addrs {
			switch {
			case !p.Contains(a):
			case a == p.Addr:
				return 0, fmt.Errorf("next hop %v is the firewall's own address", a)
			case p.Bits < 31 && (a == p.Network() || a == p.Last()):
				return 0, fmt.Errorf("next hop %v is the network's own or its broadcast address", a)
			default:
				return i, nil
			}
		}
	}
	return 0, fmt.Errorf("next hop %v is in no network of --outside or --inside", a)
}

func (o *options) address(iface int, value string) error {
	p, err := wire.ParsePrefix4(value)
	if err != nil {
		return fmt.Errorf("%q is not an address with the length of its network", value)
	}
	switch {
	case p.Bits == 0:
		return fmt.Errorf("%v has no network; its length is 1 to 32", p)
	case p.Addr.IsMartian() || p.Addr.IsMulticast():
		return fmt.Errorf("%v cannot be a host's address", p.Addr)
	case p.Bits < 31 && (p.Addr == p.Network() || p.Addr == p.Last()):
		return fmt.Errorf("%v is the network's own or its broadcast address, not a host's", p.Addr)
	}
	for i := range o.config.Interfaces {
		for _, other := range o.config.Interfaces[i].Addrs {
			if other.Addr == p.Addr || i != iface && other.Bits == p.Bits && other.Network() == p.Network() {
				return fmt.Errorf("%v collides with --%s=%v; every interface has a network of its own", p, ifaceNames[i], other)
			}
		}
	}
	n := &o.config.Interfaces[iface]
	n.Addrs = append(n.Addrs, p)
	return nil
}

func (o *options) route(value string) error {
	parts := strings.Split(value, ",")
	if len(parts) < 2 {
		return errors.New("the next hop is missing")
	}
	p, err := network(parts[0])
	if err != nil {
		return err
	}
	hop, err := wire.ParseAddr4(parts[1])
	if err != nil {
		return err
	}
	r := route.Route{Prefix: p, NextHop: hop, Cost: 1}
	for _, part := range parts[2:] {
		cost, ok := strings.CutPrefix(part, "cost=")
		if !ok {
			return fmt.Errorf("%q is not cost=N", part)
		}
		if err := count(&r.Cost, cost, 1e6); err != nil {
			return err
		}
	}
	o.config.Routes = append(o.config.Routes, r)
	return nil
}

func (o *options) setPolicy(value string) error {
	switch value {
	case "drop":
		o.policy = packet.Drop
	case "accept":
		o.policy = packet.Accept
	default:
		return fmt.Errorf("%q is neither drop nor accept", value)
	}
	return nil
}

func (o *options) setEcho(value string) error {
	if value != "yes" && value != "no" {
		return fmt.Errorf("%q is neither yes nor no", value)
	}
	o.echo = value == "yes"
	return nil
}

func count(n *int, value string, most int) error {
	v, err := strconv.Atoi(value)
	if err != nil || v < 1 || v > most {
		return fmt.Errorf("%q is not a number from 1 to %d", value, most)
	}
	*n = v
	return nil
}

func duration(d *time.Duration, value string) error {
	v, err := time.ParseDuration(value)
	if err != nil || v < time.Millisecond {
		return fmt.Errorf("%q is not a time of at least 1ms with its unit, as in 500ms, 10s or 1m", value)
	}
	*d = v
	return nil
}
