package stack

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// announced is what is known about an interface's IPv6 from its link. netstack
// bounds the number of routers, prefixes and addresses.
type announced struct {
	routers   []router
	prefixes  []netip.Prefix      // on the link
	addresses []netip.Prefix      // made by SLAAC
	unique    map[netip.Addr]bool // addresses whose check has ended, and whether they are the only ones
	dns       []expiring[netip.Addr]
	search    []expiring[string]
}

// expiring is something that is good until a time.
type expiring[T any] struct {
	value T
	until time.Time
}

// router is a router and what lies behind it.
type router struct {
	route
	preference int // more is better
}

// neighbours collects what netstack's neighbour discovery finds out (RFC 4861, RFC
// 4862, RFC 8106). netstack calls it under its locks, so it calls nothing back.
type neighbours struct {
	// changed is called after each change and does not wait.
	changed func()

	mu   sync.Mutex
	nics map[tcpip.NICID]*announced
}

var _ ipv6.NDPDispatcher = (*neighbours)(nil)

func newNeighbours(changed func()) *neighbours {
	return &neighbours{changed: changed, nics: make(map[tcpip.NICID]*announced)}
}

// on gives a copy of what is known about an interface, without what has expired.
// next is when something will expire, zero if nothing will.
func (n *neighbours) on(id tcpip.NICID, now time.Time) (a announced, next time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	known := n.nics[id]
	if known == nil {
		return a, next
	}
	known.dns, known.search = unexpired(known.dns, now, &next), unexpired(known.search, now, &next)
	a = announced{slices.Clone(known.routers), slices.Clone(known.prefixes), slices.Clone(known.addresses),
		maps.Clone(known.unique), slices.Clone(known.dns), slices.Clone(known.search)}
	return a, next
}

// unexpired drops what has expired and moves next to when the next will.
func unexpired[T any](list []expiring[T], now time.Time, next *time.Time) []expiring[T] {
	list = slices.DeleteFunc(list, func(e expiring[T]) bool { return !now.Before(e.until) })
	for _, e := range list {
		if next.IsZero() || e.until.Before(*next) {
			*next = e.until
		}
	}
	return list
}

// update changes what is known about an interface.
func (n *neighbours) update(id tcpip.NICID, f func(*announced)) {
	n.mu.Lock()
	a := n.nics[id]
	if a == nil {
		a = &announced{unique: make(map[netip.Addr]bool)}
		n.nics[id] = a
	}
	f(a)
	n.mu.Unlock()
	n.changed()
}

// OnDuplicateAddressDetectionResult ends the check of an address.
func (n *neighbours) OnDuplicateAddressDetectionResult(id tcpip.NICID, addr tcpip.Address, result netstack.DADResult) {
	switch result.(type) {
	case *netstack.DADSucceeded:
		n.update(id, func(a *announced) { a.unique[fromAddress(addr)] = true })
	case *netstack.DADDupAddrDetected:
		n.update(id, func(a *announced) { a.unique[fromAddress(addr)] = false })
	}
}

// OnOffLinkRouteUpdated learns of a router, or of its preference.
func (n *neighbours) OnOffLinkRouteUpdated(id tcpip.NICID, to tcpip.Subnet, via tcpip.Address, preference header.NDPRoutePreference) {
	r := router{route: route{fromSubnet(to), fromAddress(via)}}
	switch preference {
	case header.HighRoutePreference:
		r.preference = 1
	case header.LowRoutePreference:
		r.preference = -1
	}
	n.update(id, func(a *announced) {
		a.routers = append(dropRouter(a.routers, r.route), r)
		slices.SortStableFunc(a.routers, func(x, y router) int { return y.preference - x.preference })
	})
}

// OnOffLinkRouteInvalidated forgets a router.
func (n *neighbours) OnOffLinkRouteInvalidated(id tcpip.NICID, to tcpip.Subnet, via tcpip.Address) {
	n.update(id, func(a *announced) { a.routers = dropRouter(a.routers, route{fromSubnet(to), fromAddress(via)}) })
}

func dropRouter(list []router, r route) []router {
	return slices.DeleteFunc(list, func(x router) bool { return x.route == r })
}

// OnOnLinkPrefixDiscovered learns of a prefix on the link.
func (n *neighbours) OnOnLinkPrefixDiscovered(id tcpip.NICID, s tcpip.Subnet) {
	n.update(id, func(a *announced) { a.prefixes = addOnce(a.prefixes, fromSubnet(s)) })
}

// OnOnLinkPrefixInvalidated forgets a prefix on the link.
func (n *neighbours) OnOnLinkPrefixInvalidated(id tcpip.NICID, s tcpip.Subnet) {
	n.update(id, func(a *announced) { a.prefixes = drop(a.prefixes, fromSubnet(s)) })
}

// OnAutoGenAddress learns of an address that SLAAC has made. The link-local one,
// which every interface has, is none of them.
func (n *neighbours) OnAutoGenAddress(id tcpip.NICID, p tcpip.AddressWithPrefix) netstack.AddressDispatcher {
	if own := fromPrefix(p); !own.Addr().IsLinkLocalUnicast() {
		n.update(id, func(a *announced) { a.addresses = addOnce(a.addresses, own) })
	}
	return nil
}

// OnAutoGenAddressDeprecated changes nothing: netstack itself prefers others.
func (n *neighbours) OnAutoGenAddressDeprecated(tcpip.NICID, tcpip.AddressWithPrefix) {}

// OnAutoGenAddressInvalidated forgets an address that SLAAC had made.
func (n *neighbours) OnAutoGenAddressInvalidated(id tcpip.NICID, p tcpip.AddressWithPrefix) {
	n.update(id, func(a *announced) {
		a.addresses = drop(a.addresses, fromPrefix(p))
		delete(a.unique, fromAddress(p.Address))
	})
}

// OnRecursiveDNSServerOption learns of name servers. Link-local ones get the
// interface as zone where they are used.
func (n *neighbours) OnRecursiveDNSServerOption(id tcpip.NICID, list []tcpip.Address, lifetime time.Duration) {
	n.update(id, func(a *announced) {
		for _, s := range list {
			a.dns = remember(a.dns, fromAddress(s), lifetime, maxServers)
		}
	})
}

// OnDNSSearchListOption learns of domains to search.
func (n *neighbours) OnDNSSearchListOption(id tcpip.NICID, list []string, lifetime time.Duration) {
	n.update(id, func(a *announced) {
		for _, name := range list {
			if validHostname(name) {
				a.search = remember(a.search, name, lifetime, maxSearch)
			}
		}
	})
}

// OnDHCPv6Configuration changes nothing: there is no DHCPv6 client.
func (n *neighbours) OnDHCPv6Configuration(tcpip.NICID, ipv6.DHCPv6ConfigurationFromNDPRA) {}

// remember notes a value for a time, none to forget it. What is beyond the bound is
// ignored.
func remember[T comparable](list []expiring[T], value T, lifetime time.Duration, bound int) []expiring[T] {
	i := slices.IndexFunc(list, func(e expiring[T]) bool { return e.value == value })
	switch until := time.Now().Add(lifetime); {
	case i >= 0 && lifetime <= 0:
		return slices.Delete(list, i, i+1)
	case i >= 0:
		list[i].until = until
	case lifetime > 0 && len(list) < bound:
		return append(list, expiring[T]{value, until})
	}
	return list
}

func addOnce(list []netip.Prefix, p netip.Prefix) []netip.Prefix {
	if slices.Contains(list, p) {
		return list
	}
	return append(list, p)
}

func drop(list []netip.Prefix, p netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(list, func(x netip.Prefix) bool { return x == p })
}
