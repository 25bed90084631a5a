package stack

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// defaultHostname is the name of a guest that nobody has given one.
const defaultHostname = "unikernel"

// DNS lists the name servers: the configured ones, or those that DHCP and router
// advertisements announce now.
func (n *Net) DNS() []netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.servers()
}

// Hostname is the guest's name: the configured one, or what DHCP says, or
// "unikernel".
func (n *Net) Hostname() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hostname()
}

// ResolvConf is the content of /etc/resolv.conf as it should be now. The caller
// must not change it.
func (n *Net) ResolvConf() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.resolv
}

// Hosts is the content of /etc/hosts as it should be now. The caller must not
// change it.
func (n *Net) Hosts() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.hosts
}

// Notify sets the function that is called after ResolvConf, Hosts, DNS or Hostname
// have changed; calls do not overlap. It may call the Net's methods, Close
// excepted. Changes before Notify are not told: read after it.
func (n *Net) Notify(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notify = f
}

// servers lists the name servers. The caller holds mu.
func (n *Net) servers() []netip.Addr {
	if len(n.config.DNS) > 0 {
		return slices.Clone(n.config.DNS)
	}
	var list []netip.Addr
	add := func(a netip.Addr) {
		if len(list) < maxServers && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	for _, f := range n.ifaces {
		if f.lease != nil {
			for _, a := range f.lease.dns {
				add(a)
			}
		}
	}
	for _, f := range n.ifaces {
		for _, e := range f.announced.dns {
			if e.value.IsLinkLocalUnicast() {
				e.value = e.value.WithZone(f.Name)
			}
			add(e.value)
		}
	}
	return list
}

// search lists the domains to search. The caller holds mu.
func (n *Net) search() (list []string) {
	add := func(name string) {
		if len(list) < maxSearch && !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	for _, f := range n.ifaces {
		if f.lease != nil {
			for _, name := range f.lease.search {
				add(name)
			}
		}
		for _, e := range f.announced.search {
			add(e.value)
		}
	}
	return list
}

// hostname is Hostname; the caller holds mu.
func (n *Net) hostname() string {
	if n.config.Hostname != "" {
		return n.config.Hostname
	}
	for _, f := range n.ifaces {
		if f.lease != nil && f.lease.hostname != "" {
			return f.lease.hostname
		}
	}
	return defaultHostname
}

// resolvConf makes resolv.conf. The caller holds mu.
func (n *Net) resolvConf() []byte {
	var b bytes.Buffer
	if search := n.search(); len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	for _, a := range n.servers() {
		fmt.Fprintf(&b, "nameserver %s\n", a)
	}
	return b.Bytes()
}

// hostsFile makes the table of hosts: the guest's name stands for its addresses,
// or for the loopback address while it has none. The caller holds mu.
func (n *Net) hostsFile() []byte {
	name := n.hostname()
	if short, _, ok := strings.Cut(name, "."); ok {
		name += " " + short
	}
	var own []netip.Addr
	for _, f := range n.ifaces {
		if f.IPv4.IsValid() {
			own = append(own, f.IPv4.Addr())
		}
		if f.lease != nil {
			own = append(own, f.lease.address.Addr())
		}
		if p, ok := f.staticIPv6(); ok {
			own = append(own, p.Addr())
		}
		for _, p := range f.slaac() {
			own = append(own, p.Addr())
		}
	}
	if len(own) == 0 {
		own = []netip.Addr{loopbackAddresses[0].Addr()}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")
	for _, a := range own {
		fmt.Fprintf(&b, "%s %s\n", a, name)
	}
	return b.Bytes()
}
