package stack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// Bounds of what a server may announce.
const (
	maxRoutes = 32
	maxSearch = 6
)

// route is a destination behind a router.
type route struct {
	to  netip.Prefix
	via netip.Addr
}

// lease is what a DHCP server gives. It does not change once it is made.
type lease struct {
	server   netip.Addr
	address  netip.Prefix
	routes   []route
	dns      []netip.Addr
	search   []string
	hostname string
	mtu      int // 0: not said

	// Since when it counts, and until when; infinite leases need no renewal.
	since                  time.Time
	renew, rebind, expires time.Duration
	infinite               bool
}

// gateway is the lease's first default router.
func (l *lease) gateway() netip.Addr {
	for _, r := range l.routes {
		if r.to.Bits() == 0 {
			return r.via
		}
	}
	return netip.Addr{}
}

// sameSettings reports whether two leases differ in their times only.
func (l *lease) sameSettings(m *lease) bool {
	return l != nil && m != nil && l.address == m.address && slices.Equal(l.routes, m.routes) && slices.Equal(l.dns, m.dns) &&
		slices.Equal(l.search, m.search) && l.hostname == m.hostname && l.mtu == m.mtu
}

// parseLease reads an offer or an acknowledgement (RFC 2131, RFC 2132). What is
// needed must be there and make sense; the rest counts as absent if it does not.
func parseLease(m *dhcpv4.DHCPv4, since time.Time) (*lease, error) {
	l := &lease{since: since}
	var ok bool
	if l.server, ok = addrOption(m, dhcpv4.OptionServerIdentifier); !ok {
		return nil, errors.New("no server identifier")
	}
	addr, ok := netip.AddrFromSlice(m.YourIPAddr)
	if !ok {
		return nil, errors.New("no address")
	}
	prefixLen, err := maskBits(m.Options.Get(dhcpv4.OptionSubnetMask), addr)
	if err != nil {
		return nil, err
	}
	if err := checkHost(addr, prefixLen); err != nil {
		return nil, fmt.Errorf("%s %w", addr, err)
	}
	if addr.IsLoopback() {
		return nil, fmt.Errorf("%s is a loopback address", addr)
	}
	l.address = netip.PrefixFrom(addr, prefixLen)
	if err := l.parseTimes(m); err != nil {
		return nil, err
	}
	l.routes = parseRoutes(m, addr)
	for _, a := range addrsOption(m, dhcpv4.OptionDomainNameServer) {
		if len(l.dns) < maxServers && !slices.Contains(l.dns, a) {
			l.dns = append(l.dns, a)
		}
	}
	l.search = parseSearch(m)
	if name := text(m.Options.Get(dhcpv4.OptionHostName)); validHostname(name) {
		l.hostname = name
	}
	if v := m.Options.Get(dhcpv4.OptionInterfaceMTU); len(v) == 2 && binary.BigEndian.Uint16(v) >= MinMTU {
		l.mtu = int(binary.BigEndian.Uint16(v))
	}
	return l, nil
}

// maskBits counts the bits of a mask. A server that sends none means the class of
// the address (RFC 2131, section 2).
func maskBits(mask []byte, addr netip.Addr) (int, error) {
	if len(mask) == 0 {
		switch first := addr.As4()[0]; {
		case first < 128:
			return 8, nil
		case first < 192:
			return 16, nil
		}
		return 24, nil
	}
	if len(mask) != 4 {
		return 0, fmt.Errorf("a subnet mask of %d bytes", len(mask))
	}
	v := binary.BigEndian.Uint32(mask)
	n := bits.LeadingZeros32(^v)
	if n == 0 || v != math.MaxUint32<<(32-n) {
		return 0, fmt.Errorf("a subnet mask of %#08x", v)
	}
	return n, nil
}

// parseTimes reads the length of the lease, and when to ask for more of it: the
// server's times if they are in order, otherwise a half and seven eighths (RFC
// 2131, section 4.4.5).
func (l *lease) parseTimes(m *dhcpv4.DHCPv4) error {
	total, ok := secondsOption(m, dhcpv4.OptionIPAddressLeaseTime)
	if !ok || total == 0 {
		return errors.New("no lease time")
	}
	l.infinite = total == math.MaxUint32*time.Second
	l.expires, l.renew, l.rebind = total, total/2, total/8*7
	renew, ok1 := secondsOption(m, dhcpv4.OptionRenewTimeValue)
	rebind, ok2 := secondsOption(m, dhcpv4.OptionRebindingTimeValue)
	if !ok1 {
		renew = min(l.renew, rebind)
	}
	if !ok2 {
		rebind = max(l.rebind, renew)
	}
	if (ok1 || ok2) && renew > 0 && renew <= rebind && rebind < total {
		l.renew, l.rebind = renew, rebind
	}
	return nil
}

// parseRoutes reads the routes: the classless ones if there are any, otherwise the
// first router (RFC 3442).
func parseRoutes(m *dhcpv4.DHCPv4, own netip.Addr) (routes []route) {
	list := m.Options.Get(dhcpv4.OptionClasslessStaticRoute)
	if len(list) == 0 {
		for _, a := range addrsOption(m, dhcpv4.OptionRouter) {
			if a != own {
				return []route{{netip.PrefixFrom(netip.IPv4Unspecified(), 0), a}}
			}
		}
		return nil
	}
	for len(list) > 0 && len(routes) < maxRoutes {
		n := int(list[0])
		size := (n + 7) / 8
		if n > 32 || len(list) < 1+size+4 {
			return routes
		}
		var to, via [4]byte
		copy(to[:], list[1:1+size])
		copy(via[:], list[1+size:])
		list = list[1+size+4:]
		r := route{netip.PrefixFrom(netip.AddrFrom4(to), n).Masked(), netip.AddrFrom4(via)}
		// A router of 0.0.0.0 is the link itself.
		if r.via.IsUnspecified() || checkHost(r.via, 32) == nil && r.via != own {
			routes = append(routes, r)
		}
	}
	return routes
}

// parseSearch reads the domains to search: the list if there is one (RFC 3397),
// otherwise the domain.
func parseSearch(m *dhcpv4.DHCPv4) (search []string) {
	if list := m.DomainSearch(); list != nil {
		for _, name := range list.Labels {
			if name = strings.TrimSuffix(name, "."); validHostname(name) && len(search) < maxSearch {
				search = append(search, name)
			}
		}
		return search
	}
	if name := strings.TrimSuffix(text(m.Options.Get(dhcpv4.OptionDomainName)), "."); validHostname(name) {
		return []string{name}
	}
	return nil
}

// text is an option's text; some servers end it with a zero byte.
func text(v []byte) string { return strings.TrimRight(string(v), "\x00") }

func secondsOption(m *dhcpv4.DHCPv4, code dhcpv4.OptionCode) (time.Duration, bool) {
	v := m.Options.Get(code)
	if len(v) != 4 {
		return 0, false
	}
	return time.Duration(binary.BigEndian.Uint32(v)) * time.Second, true
}

func addrOption(m *dhcpv4.DHCPv4, code dhcpv4.OptionCode) (netip.Addr, bool) {
	list := addrsOption(m, code)
	if len(list) == 0 {
		return netip.Addr{}, false
	}
	return list[0], true
}

// addrsOption reads a list of addresses of hosts, without those that are none.
func addrsOption(m *dhcpv4.DHCPv4, code dhcpv4.OptionCode) (list []netip.Addr) {
	for v := m.Options.Get(code); len(v) >= 4; v = v[4:] {
		if a := netip.AddrFrom4([4]byte(v)); checkHost(a, 32) == nil {
			list = append(list, a)
		}
	}
	return list
}
