package stack

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Bounds of lists in the configuration.
const (
	maxServers = 8
	maxName    = 253 // bytes of a host name, RFC 1035
)

// setting is an option: how it takes its value. Exactly one function is set.
type setting struct {
	// iface sets an interface's option.
	iface func(*Interface, string) error
	// global sets an option of the guest.
	global func(*Config, string) error
	// flag: the value may be left out, and is "true" then. It is never the
	// next argument.
	flag bool
	// repeats: the option may be given again.
	repeats bool
}

var settings = map[string]setting{
	"ipv4":         {iface: func(f *Interface, v string) (err error) { f.IPv4, err = parsePrefix(v, true); return }},
	"ipv6":         {iface: func(f *Interface, v string) (err error) { f.IPv6, err = parsePrefix(v, false); return }},
	"ipv4-gateway": {iface: func(f *Interface, v string) (err error) { f.IPv4Gateway, err = parseAddr(v, true); return }},
	"ipv6-gateway": {iface: func(f *Interface, v string) (err error) { f.IPv6Gateway, err = parseAddr(v, false); return }},
	"mtu":          {iface: func(f *Interface, v string) (err error) { f.MTU, err = parseMTU(v); return }},
	"dhcp":         {iface: func(f *Interface, v string) (err error) { f.DHCP, err = parseBool(v); return }, flag: true},
	"accept-router-advertisements": {
		iface: func(f *Interface, v string) (err error) { f.AcceptRAs, err = parseBool(v); return }, flag: true,
	},
	"dns":      {global: (*Config).setDNS, repeats: true},
	"hostname": {global: func(c *Config, v string) (err error) { c.Hostname, err = parseHostname(v); return }},
	"env":      {global: (*Config).setEnv, repeats: true},
	"log":      {global: (*Config).setLevel},
	"quiet":    {global: (*Config).setQuiet, flag: true},
}

// Parse takes the options of the library OS off the front of a guest's arguments
// (without the program's name). nics are the names of the network devices. The
// rest is the program's. The error is a *UsageError.
func Parse(args []string, nics []string) (cfg Config, rest []string, err error) {
	cfg.Level = LevelInfo
	for _, name := range nics {
		cfg.Interfaces = append(cfg.Interfaces, Interface{Name: name})
	}
	seen := make(map[string]bool)
	for len(args) > 0 {
		if args[0] == "--" {
			args = args[1:]
			break
		}
		o, ok := split(args[0], nics)
		if !ok {
			break
		}
		args = args[1:]
		if !o.hasValue && o.flag {
			o.value = "true"
		} else if !o.hasValue {
			if len(args) == 0 {
				return Config{}, nil, &UsageError{o.spelling, "needs a value"}
			}
			o.value, args = args[0], args[1:]
		}
		if err := cfg.set(o, nics, seen); err != nil {
			return Config{}, nil, &UsageError{o.spelling, err.Error()}
		}
	}
	if cfg.Quiet {
		if seen["log"] {
			return Config{}, nil, &UsageError{"--quiet", "contradicts --log: choose one"}
		}
		cfg.Level = LevelWarn
	}
	if err := cfg.check(); err != nil {
		return Config{}, nil, err
	}
	return cfg, args, nil
}

// option is an option of an argument list.
type option struct {
	setting
	name     string
	nic      string // the name in front of it
	spelling string
	value    string
	hasValue bool
}

// split recognises an option of ours: a name of the table, or anything after the
// name of an interface and a colon.
func split(arg string, nics []string) (o option, ok bool) {
	body, ok := strings.CutPrefix(arg, "--")
	if !ok {
		return o, false
	}
	o.name, o.value, o.hasValue = strings.Cut(body, "=")
	o.spelling = "--" + o.name
	if quoted := strconv.Quote(o.spelling); len(quoted) != len(o.spelling)+2 {
		o.spelling = quoted
	}
	if i := strings.LastIndexByte(o.name, ':'); i >= 0 {
		o.nic, o.name = o.name[:i], o.name[i+1:]
		o.setting, ok = settings[o.name]
		return o, o.iface != nil || slices.Contains(nics, o.nic)
	}
	o.setting, ok = settings[o.name]
	return o, ok
}

// set applies one option.
func (c *Config) set(o option, nics []string, seen map[string]bool) error {
	if o.global != nil && o.nic == "" {
		if seen[o.name] && !o.repeats {
			return errors.New("given twice")
		}
		seen[o.name] = true
		return o.global(c, o.value)
	}
	if o.iface == nil {
		return fmt.Errorf("no such option of an interface (there are %s)", strings.Join(interfaceOptions(), ", "))
	}
	if len(nics) == 0 {
		return errors.New("this guest has no network device")
	}
	i := 0
	if o.nic != "" {
		if i = slices.Index(nics, o.nic); i < 0 {
			return fmt.Errorf("no network device %q (there are %s)", o.nic, strings.Join(nics, ", "))
		}
	}
	key := nics[i] + ":" + o.name
	if seen[key] {
		return fmt.Errorf("given twice for %s", nics[i])
	}
	seen[key] = true
	return o.iface(&c.Interfaces[i], o.value)
}

func interfaceOptions() (names []string) {
	for name, s := range settings {
		if s.iface != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func parsePrefix(v string, v4 bool) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(v)
	if err != nil || p.Addr().Is4() != v4 {
		return netip.Prefix{}, fmt.Errorf("%q is not an address and prefix like %s", v, example(v4, "10.0.0.2/24", "2001:db8::2/64"))
	}
	if p.Bits() == 0 {
		return netip.Prefix{}, fmt.Errorf("%s: a prefix of 0 bits is every address there is", v)
	}
	if err := checkHost(p.Addr(), p.Bits()); err != nil {
		return netip.Prefix{}, fmt.Errorf("%s %w", p.Addr(), err)
	}
	return p, nil
}

func parseAddr(v string, v4 bool) (netip.Addr, error) {
	a, err := netip.ParseAddr(v)
	if err != nil || a.Is4() != v4 || a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("%q is not an address like %s", v, example(v4, "10.0.0.1", "fe80::1"))
	}
	if err := checkHost(a, a.BitLen()); err != nil {
		return netip.Addr{}, fmt.Errorf("%s %w", a, err)
	}
	return a, nil
}

func example(v4 bool, four, six string) string {
	if v4 {
		return four
	}
	return six
}

func parseMTU(v string) (int, error) {
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil || n < MinMTU {
		return 0, fmt.Errorf("%q is not a number of bytes from %d to 65535", v, MinMTU)
	}
	return int(n), nil
}

func parseBool(v string) (bool, error) {
	switch v {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false", v)
}

// parseHostname accepts letters, digits, hyphens and dots (RFC 1123, section
// 2.1).
func parseHostname(v string) (string, error) {
	if !validHostname(v) {
		return "", fmt.Errorf("%q is not a host name", v)
	}
	return v, nil
}

func validHostname(v string) bool {
	if v == "" || len(v) > maxName {
		return false
	}
	for label := range strings.SplitSeq(v, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, c := range []byte(label) {
			if c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
				return false
			}
		}
	}
	return true
}

func (c *Config) setDNS(v string) error {
	for s := range strings.SplitSeq(v, ",") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.IsUnspecified() || a.IsMulticast() || a.Zone() != "" {
			return fmt.Errorf("%q is not the address of a name server", s)
		}
		if slices.Contains(c.DNS, a) {
			return fmt.Errorf("%s is given twice", a)
		}
		if len(c.DNS) == maxServers {
			return fmt.Errorf("more than %d name servers", maxServers)
		}
		c.DNS = append(c.DNS, a)
	}
	return nil
}

func (c *Config) setEnv(v string) error {
	key, _, ok := strings.Cut(v, "=")
	if !ok || key == "" || strings.IndexByte(v, 0) >= 0 {
		return fmt.Errorf("%q is not of the form KEY=VALUE", v)
	}
	c.Env = append(c.Env, v)
	return nil
}

func (c *Config) setLevel(v string) error {
	i := slices.Index(levelNames[:], v)
	if i < 0 {
		return fmt.Errorf("%q is not one of %s", v, strings.Join(levelNames[:], ", "))
	}
	c.Level = Level(i)
	return nil
}

func (c *Config) setQuiet(v string) (err error) {
	c.Quiet, err = parseBool(v)
	return err
}
