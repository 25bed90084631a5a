package stack

import (
	"errors"
	"fmt"
	"net/netip"
)

// ExitUsage is the exit status for a UsageError (EX_USAGE of BSD's sysexits).
const ExitUsage = 64

// MinMTU is the smallest MTU in bytes that can be set: what IPv6 needs (RFC
// 8200, section 5).
const MinMTU = 1280

// UsageError is a setting that is wrong or contradicts another one. The caller
// prints it after "tender: " and exits with ExitUsage.
type UsageError struct {
	// Setting is the option as it is written, without its value.
	Setting string
	// Problem says what is wrong with it.
	Problem string
}

func (e *UsageError) Error() string { return e.Setting + ": " + e.Problem }

// Config is what the arguments say.
type Config struct {
	// Interfaces holds one entry per network device, in the order of the
	// names given to Parse.
	Interfaces []Interface
	// DNS are the name servers. If there are none, those that DHCP and
	// router advertisements announce are used.
	DNS []netip.Addr
	// Hostname is the guest's name; empty: the one DHCP gives.
	Hostname string
	// Env are variables of the program's environment as KEY=VALUE.
	Env []string
	// Level is the least level of messages to print.
	Level Level
	// Quiet is set by --quiet, which also sets Level.
	Quiet bool
}

// Interface is the configuration of a network device. Settings that were not
// given have their zero value.
type Interface struct {
	Name string
	// IPv4 and IPv6 are an address and the length of its prefix.
	IPv4        netip.Prefix
	IPv4Gateway netip.Addr
	IPv6        netip.Prefix
	IPv6Gateway netip.Addr
	// DHCP asks for IPv4 by DHCP.
	DHCP bool
	// AcceptRAs asks for IPv6 by SLAAC.
	AcceptRAs bool
	// MTU is the largest packet in bytes; 0: what the device carries.
	MTU int
}

// check finds settings that contradict each other.
func (c *Config) check() error {
	seen := make(map[netip.Addr]string)
	for i := range c.Interfaces {
		f := &c.Interfaces[i]
		if err := f.check(c.option(i)); err != nil {
			return err
		}
		for _, p := range []netip.Prefix{f.IPv4, f.IPv6} {
			// Link-local addresses may repeat: they belong to their link.
			if !p.IsValid() || p.Addr().IsLinkLocalUnicast() {
				continue
			}
			if other, ok := seen[p.Addr()]; ok {
				return &UsageError{c.option(i)(family(p.Addr())), fmt.Sprintf("%s is the address of %s already", p.Addr(), other)}
			}
			seen[p.Addr()] = f.Name
		}
	}
	return nil
}

// option gives the spelling of an interface's options.
func (c *Config) option(i int) func(string) string {
	prefix := "--"
	if i > 0 {
		prefix += c.Interfaces[i].Name + ":"
	}
	return func(name string) string { return prefix + name }
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "ipv4"
	}
	return "ipv6"
}

func (f *Interface) check(option func(string) string) error {
	switch {
	case f.DHCP && f.IPv4.IsValid():
		return &UsageError{option("dhcp"), fmt.Sprintf("contradicts %s=%s: choose one", option("ipv4"), f.IPv4)}
	case f.DHCP && f.IPv4Gateway.IsValid():
		return &UsageError{option("dhcp"), fmt.Sprintf("contradicts %s=%s: choose one", option("ipv4-gateway"), f.IPv4Gateway)}
	}
	if err := checkGateway(option("ipv4-gateway"), f.IPv4Gateway, option("ipv4"), f.IPv4); err != nil {
		return err
	}
	if f.IPv6Gateway.IsLinkLocalUnicast() {
		return nil
	}
	return checkGateway(option("ipv6-gateway"), f.IPv6Gateway, option("ipv6"), f.IPv6)
}

func checkGateway(option string, gateway netip.Addr, addrOption string, prefix netip.Prefix) error {
	switch {
	case !gateway.IsValid():
		return nil
	case !prefix.IsValid():
		return &UsageError{option, fmt.Sprintf("%s needs %s=ADDRESS/BITS", gateway, addrOption)}
	case !prefix.Contains(gateway):
		return &UsageError{option, fmt.Sprintf("%s is outside of %s", gateway, prefix.Masked())}
	case gateway == prefix.Addr():
		return &UsageError{option, fmt.Sprintf("%s is the guest's own address", gateway)}
	}
	if err := checkHost(gateway, prefix.Bits()); err != nil {
		return &UsageError{option, fmt.Sprintf("%s %v", gateway, err)}
	}
	return nil
}

// checkHost says why an address cannot be that of a host in a prefix of so many
// bits.
func checkHost(a netip.Addr, bits int) error {
	switch {
	case a.IsUnspecified() || a.Is4() && a.As4()[0] == 0:
		return errors.New("is not the address of a host")
	case a.IsMulticast():
		return errors.New("is a multicast address")
	case a.IsLoopback():
		return errors.New("is a loopback address")
	case a.Is4() && a.As4()[0] >= 240:
		return errors.New("is a reserved address")
	case a.Is4In6():
		return errors.New("is an IPv4 address in IPv6 spelling")
	case a.Is4() && bits < 31 && isSubnetEnd(a, bits):
		return fmt.Errorf("is the network or broadcast address of its /%d", bits)
	}
	return nil
}

// isSubnetEnd reports whether an IPv4 address has all bits of its host part clear
// or all set.
func isSubnetEnd(a netip.Addr, bits int) bool {
	b := a.As4()
	host := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	mask := uint32(1)<<(32-bits) - 1
	return host&mask == 0 || host&mask == mask
}
