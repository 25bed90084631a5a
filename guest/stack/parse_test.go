package stack

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	addr, prefix := netip.MustParseAddr, netip.MustParsePrefix
	one := []string{"net0"}
	two := []string{"inside", "outside"}
	for _, test := range []struct {
		args string
		nics []string
		want Config
		rest string
	}{
		{"", nil, Config{}, ""},
		{"", one, Config{Interfaces: []Interface{{Name: "net0"}}}, ""},
		{"serve --port=80", one, Config{Interfaces: []Interface{{Name: "net0"}}}, "serve --port=80"},
		{"--port=80 --dhcp", one, Config{Interfaces: []Interface{{Name: "net0"}}}, "--port=80 --dhcp"},
		{"-dhcp", one, Config{Interfaces: []Interface{{Name: "net0"}}}, "-dhcp"},
		{"-- --dhcp --", one, Config{Interfaces: []Interface{{Name: "net0"}}}, "--dhcp --"},
		{"--dhcp x -- y", one, Config{Interfaces: []Interface{{Name: "net0", DHCP: true}}}, "x -- y"},
		{"--dhcp=false --accept-router-advertisements=true", one,
			Config{Interfaces: []Interface{{Name: "net0", AcceptRAs: true}}}, ""},
		{"--ipv4=10.0.0.2/24 --ipv4-gateway 10.0.0.1 --ipv6 2001:db8::2/64 --ipv6-gateway=2001:db8::1 --mtu=1400 run", one,
			Config{Interfaces: []Interface{{Name: "net0", IPv4: prefix("10.0.0.2/24"), IPv4Gateway: addr("10.0.0.1"),
				IPv6: prefix("2001:db8::2/64"), IPv6Gateway: addr("2001:db8::1"), MTU: 1400}}}, "run"},
		{"--ipv6-gateway=fe80::1", one, Config{Interfaces: []Interface{{Name: "net0", IPv6Gateway: addr("fe80::1")}}}, ""},
		{"--ipv4=10.0.0.0/31 --ipv4-gateway=10.0.0.1", one,
			Config{Interfaces: []Interface{{Name: "net0", IPv4: prefix("10.0.0.0/31"), IPv4Gateway: addr("10.0.0.1")}}}, ""},
		{"--outside:dhcp --inside:ipv4=10.0.0.1/24 --outside:mtu 1492", two,
			Config{Interfaces: []Interface{{Name: "inside", IPv4: prefix("10.0.0.1/24")}, {Name: "outside", DHCP: true, MTU: 1492}}}, ""},
		{"--ipv4=10.0.0.1/24 --outside:ipv4=10.0.1.1/24", two,
			Config{Interfaces: []Interface{{Name: "inside", IPv4: prefix("10.0.0.1/24")}, {Name: "outside", IPv4: prefix("10.0.1.1/24")}}}, ""},
		{"--dns=10.0.0.1,2001:db8::53 --dns 9.9.9.9 --hostname=web.example --env=A=1 --env B=x=y --log=debug", nil,
			Config{DNS: []netip.Addr{addr("10.0.0.1"), addr("2001:db8::53"), addr("9.9.9.9")}, Hostname: "web.example",
				Env: []string{"A=1", "B=x=y"}, Level: LevelDebug}, ""},
		{"--quiet", nil, Config{Quiet: true, Level: LevelWarn}, ""},
		{"--foo:bar=1", one, Config{Interfaces: []Interface{{Name: "net0"}}}, "--foo:bar=1"},
	} {
		if !strings.Contains(test.args, "--log") && !test.want.Quiet {
			test.want.Level = LevelInfo
		}
		cfg, rest, err := Parse(strings.Fields(test.args), test.nics)
		if err != nil || !reflect.DeepEqual(cfg, test.want) || strings.Join(rest, " ") != test.rest {
			t.Errorf("Parse(%q): %+v, %q, %v\nwant %+v, %q", test.args, cfg, rest, err, test.want, test.rest)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ args, nics, want string }{
		{"--ipv4", "net0", `--ipv4: needs a value`},
		{"--ipv4=", "net0", `--ipv4: "" is not an address and prefix like 10.0.0.2/24`},
		{"--ipv4=10.0.0.2", "net0", `--ipv4: "10.0.0.2" is not an address and prefix like 10.0.0.2/24`},
		{"--ipv4=10.0.0.2/33", "net0", `--ipv4: "10.0.0.2/33" is not an address and prefix like 10.0.0.2/24`},
		{"--ipv4=2001:db8::2/64", "net0", `--ipv4: "2001:db8::2/64" is not an address and prefix like 10.0.0.2/24`},
		{"--ipv6=10.0.0.2/24", "net0", `--ipv6: "10.0.0.2/24" is not an address and prefix like 2001:db8::2/64`},
		{"--ipv6=::ffff:10.0.0.2/120", "net0", `--ipv6: ::ffff:10.0.0.2 is an IPv4 address in IPv6 spelling`},
		{"--ipv4=10.0.0.2/0", "net0", `--ipv4: 10.0.0.2/0: a prefix of 0 bits is every address there is`},
		{"--ipv4=10.0.0.0/24", "net0", `--ipv4: 10.0.0.0 is the network or broadcast address of its /24`},
		{"--ipv4=10.0.0.255/24", "net0", `--ipv4: 10.0.0.255 is the network or broadcast address of its /24`},
		{"--ipv4=224.0.0.1/24", "net0", `--ipv4: 224.0.0.1 is a multicast address`},
		{"--ipv4=127.0.0.1/8", "net0", `--ipv4: 127.0.0.1 is a loopback address`},
		{"--ipv4=0.0.0.0/8", "net0", `--ipv4: 0.0.0.0 is not the address of a host`},
		{"--ipv4=255.255.255.255/32", "net0", `--ipv4: 255.255.255.255 is a reserved address`},
		{"--ipv6=ff02::1/64", "net0", `--ipv6: ff02::1 is a multicast address`},
		{"--ipv4=10.0.0.2/24 --ipv4=10.0.0.3/24", "net0", `--ipv4: given twice for net0`},
		{"--ipv4=10.0.0.2/24 --net0:ipv4=10.0.0.3/24", "net0", `--net0:ipv4: given twice for net0`},
		{"--ipv4=10.0.0.2/24 --dhcp", "net0", `--dhcp: contradicts --ipv4=10.0.0.2/24: choose one`},
		{"--b:dhcp --b:ipv4-gateway=10.0.0.1", "a b", `--b:dhcp: contradicts --b:ipv4-gateway=10.0.0.1: choose one`},
		{"--ipv4-gateway=10.0.0.1", "net0", `--ipv4-gateway: 10.0.0.1 needs --ipv4=ADDRESS/BITS`},
		{"--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.1.1", "net0", `--ipv4-gateway: 10.0.1.1 is outside of 10.0.0.0/24`},
		{"--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.2", "net0", `--ipv4-gateway: 10.0.0.2 is the guest's own address`},
		{"--ipv4=10.0.0.2/24 --ipv4-gateway=10.0.0.255", "net0", `--ipv4-gateway: 10.0.0.255 is the network or broadcast address of its /24`},
		{"--ipv6=2001:db8::2/64 --ipv6-gateway=2001:db9::1", "net0", `--ipv6-gateway: 2001:db9::1 is outside of 2001:db8::/64`},
		{"--ipv6-gateway=2001:db9::1", "net0", `--ipv6-gateway: 2001:db9::1 needs --ipv6=ADDRESS/BITS`},
		{"--ipv6-gateway=fe80::1%net0", "net0", `--ipv6-gateway: "fe80::1%net0" is not an address like fe80::1`},
		{"--ipv4-gateway=x", "net0", `--ipv4-gateway: "x" is not an address like 10.0.0.1`},
		{"--a:ipv4=10.0.0.2/24 --b:ipv4=10.0.0.2/16", "a b", `--b:ipv4: 10.0.0.2 is the address of a already`},
		{"--c:dhcp", "a b", `--c:dhcp: no network device "c" (there are a, b)`},
		{"--a:ipv5=1", "a b", `--a:ipv5: no such option of an interface (there are accept-router-advertisements, dhcp, ipv4, ipv4-gateway, ipv6, ipv6-gateway, mtu)`},
		{"--a:dns=10.0.0.1", "a", `--a:dns: no such option of an interface (there are accept-router-advertisements, dhcp, ipv4, ipv4-gateway, ipv6, ipv6-gateway, mtu)`},
		{"--dhcp", "", `--dhcp: this guest has no network device`},
		{"--dhcp=yes", "net0", `--dhcp: "yes" is neither true nor false`},
		{"--mtu=1279", "net0", `--mtu: "1279" is not a number of bytes from 1280 to 65535`},
		{"--mtu=65536", "net0", `--mtu: "65536" is not a number of bytes from 1280 to 65535`},
		{"--mtu -1", "net0", `--mtu: "-1" is not a number of bytes from 1280 to 65535`},
		{"--dns=10.0.0.1,", "", `--dns: "" is not the address of a name server`},
		{"--dns=10.0.0.1 --dns=10.0.0.1", "", `--dns: 10.0.0.1 is given twice`},
		{"--dns=1.0.0.1,1.0.0.2,1.0.0.3,1.0.0.4,1.0.0.5,1.0.0.6,1.0.0.7,1.0.0.8,1.0.0.9", "", `--dns: more than 8 name servers`},
		{"--hostname=-x", "", `--hostname: "-x" is not a host name`},
		{"--hostname=a --hostname=b", "", `--hostname: given twice`},
		{"--env=A", "", `--env: "A" is not of the form KEY=VALUE`},
		{"--env==A", "", `--env: "=A" is not of the form KEY=VALUE`},
		{"--log=loud", "", `--log: "loud" is not one of debug, info, warn, error`},
		{"--log=debug --quiet", "", `--quiet: contradicts --log: choose one`},
		{"--a:\x00=1", "a", `"--a:\x00": no such option of an interface (there are accept-router-advertisements, dhcp, ipv4, ipv4-gateway, ipv6, ipv6-gateway, mtu)`},
		{"--quiet --quiet", "", `--quiet: given twice`},
	} {
		cfg, rest, err := Parse(strings.Fields(test.args), strings.Fields(test.nics))
		var usage *UsageError
		if !errors.As(err, &usage) || err.Error() != test.want {
			t.Errorf("Parse(%q): %v\nwant %s", test.args, err, test.want)
		}
		if !reflect.DeepEqual(cfg, Config{}) || rest != nil {
			t.Errorf("Parse(%q): an error and %+v, %q", test.args, cfg, rest)
		}
	}
}

// Any arguments give an error of one line, or a configuration that contradicts
// itself nowhere and a rest that is the end of the arguments.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "--\x1fx", "--dhcp\x1frun", "--ipv4\x1f10.0.0.2/24\x1f--ipv4-gateway=10.0.0.1", "--b:ipv6=2001:db8::2/64\x1f--ipv6-gateway=fe80::1",
		"--dns=10.0.0.1,::1\x1f--hostname=a.b\x1f--env=A=B\x1f--log=warn\x1f--mtu=1500", "--quiet=false\x1f--accept-router-advertisements",
		"--:dhcp", "--a:b:ipv4=1", "--=", "--a:\n", "--ipv4=", "--ipv6=::1%a/64",
	} {
		f.Add(seed)
	}
	nics := []string{"a", "b"}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x1f")
		cfg, rest, err := Parse(slices.Clone(args), nics)
		if err != nil {
			var usage *UsageError
			if !errors.As(err, &usage) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("error %q", err)
			}
			return
		}
		if !slices.Equal(rest, args[len(args)-len(rest):]) {
			t.Fatalf("rest %q of %q", rest, args)
		}
		if len(cfg.Interfaces) != len(nics) || len(cfg.DNS) > maxServers || cfg.check() != nil {
			t.Fatalf("%+v of %q", cfg, args)
		}
		for _, i := range cfg.Interfaces {
			if i.MTU != 0 && i.MTU < MinMTU || i.DHCP && i.IPv4.IsValid() {
				t.Fatalf("%+v of %q", i, args)
			}
		}
	})
}
