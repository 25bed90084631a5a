package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/loopback"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/raw"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

const (
	// bootWait bounds how long Start waits for addresses.
	bootWait = 10 * time.Second
	// arpProbeWait is how long another host has to say that an IPv4 address
	// is its own, before a lease is used.
	arpProbeWait = 200 * time.Millisecond
	// loopbackID is the number of interface "lo"; those of devices follow it.
	loopbackID tcpip.NICID = 1
)

// Net is a guest's TCP/IP. Its methods may be called by several goroutines.
type Net struct {
	stack  *netstack.Stack
	config Config
	limits limits
	log    *Logger
	ifaces []*iface
	near   *neighbours

	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup
	wake    chan struct{} // holds a token when near has changed
	settled chan struct{} // closed when all interfaces are settled

	refreshing sync.Mutex // held while refresh works

	mu         sync.Mutex
	up         bool // Start has said how things are
	resolv     []byte
	hosts      []byte
	notify     func()
	allSettled bool
}

// Start makes a stack with interface "lo" and one interface per device, and
// configures them; cfg.Interfaces has an entry for each device. It waits up to ten
// seconds for what DHCP, router advertisements and the check of IPv6 addresses for
// duplicates are to bring; what comes later is used when it comes. Then it prints
// a line per interface.
//
// Start takes the devices, whatever it returns. Settings that a device cannot
// fulfil give a *UsageError.
func Start(nics []NIC, cfg Config, log *Logger) (*Net, error) {
	return startWith(limitsFor(memoryBytes()), nics, cfg, log)
}

func startWith(l limits, nics []NIC, cfg Config, log *Logger) (*Net, error) {
	n := &Net{config: cfg, limits: l, log: log, wake: make(chan struct{}, 1), settled: make(chan struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.near = newNeighbours(n.changed)
	for i, nic := range nics {
		f := &iface{net: n, id: loopbackID + 1 + tcpip.NICID(i), link: newLink(nic, l.memory, log)}
		f.Name = nic.Name()
		if i < len(cfg.Interfaces) {
			f.Interface = cfg.Interfaces[i]
		}
		n.ifaces = append(n.ifaces, f)
	}
	if err := n.start(); err != nil {
		n.Close()
		return nil, err
	}
	n.wait()
	return n, nil
}

func (n *Net) start() error {
	netstackLogger.Store(n.log)
	n.stack = netstack.New(netstack.Options{
		NetworkProtocols: []netstack.NetworkProtocolFactory{
			arp.NewProtocolWithOptions(arp.Options{DADConfigs: netstack.DADConfigurations{DupAddrDetectTransmits: 1, RetransmitTimer: arpProbeWait}}),
			ipv4.NewProtocolWithOptions(ipv4.Options{IGMP: ipv4.IGMPOptions{Enabled: true}}),
			ipv6.NewProtocolWithOptions(ipv6.Options{
				DADConfigs: netstack.DefaultDADConfigurations(), AutoGenLinkLocal: true, NDPDisp: n.near, MLD: ipv6.MLDOptions{Enabled: true},
			}),
		},
		TransportProtocols: []netstack.TransportProtocolFactory{
			tcp.NewProtocolCUBIC, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6,
		},
		Clock:       newClock(),
		RawFactory:  raw.EndpointFactory{},
		HandleLocal: true,
	})
	if err := n.limits.apply(n.stack); err != nil {
		return fmt.Errorf("sizes of buffers: %w", err)
	}
	if err := n.startLoopback(); err != nil {
		return fmt.Errorf("loopback interface: %w", failure(err))
	}
	for i, f := range n.ifaces {
		most := f.link.nic.MTU()
		if most < MinMTU {
			// netstack's IPv6 would never return.
			return &UsageError{"network device " + f.Name, fmt.Sprintf("its MTU is %d bytes, and IPv6 needs %d: raise that of the host's TAP", most, MinMTU)}
		}
		if f.MTU > most {
			return &UsageError{n.config.option(i)("mtu"), fmt.Sprintf("%d is more than the %d bytes that %s carries", f.MTU, most, f.Name)}
		}
		f.link.SetMTU(uint32(f.mtu()))
	}
	n.workers.Go(n.follow)
	for _, f := range n.ifaces {
		if err := f.start(); err != nil {
			return err
		}
	}
	n.refresh()
	return nil
}

func (n *Net) startLoopback() tcpip.Error {
	if err := n.stack.CreateNICWithOptions(loopbackID, loopback.New(), netstack.NICOptions{Name: "lo"}); err != nil {
		return err
	}
	// A check for duplicates would find itself here.
	ep, err := n.stack.GetNetworkEndpoint(loopbackID, ipv6.ProtocolNumber)
	if err != nil {
		return err
	}
	ep.(netstack.DuplicateAddressDetector).SetDADConfigurations(netstack.DADConfigurations{})
	for _, p := range loopbackAddresses {
		if err := n.stack.AddProtocolAddress(loopbackID, protocolAddress(p), netstack.AddressProperties{}); err != nil {
			return err
		}
	}
	return nil
}

// changed is called by near, under netstack's locks.
func (n *Net) changed() {
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// follow refreshes when something has changed or expired.
func (n *Net) follow() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-n.wake:
		case <-timer.C:
		}
		if next := n.refresh(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
	}
}

// refresh makes routes and names what the interfaces say, and tells who wants to
// know. It returns when something that they say will expire.
func (n *Net) refresh() (next time.Time) {
	n.refreshing.Lock()
	defer n.refreshing.Unlock()
	n.mu.Lock()
	now := time.Now()
	for _, f := range n.ifaces {
		var expires time.Time
		before := f.announced
		f.announced, expires = n.near.on(f.id, now)
		n.report(f, before)
		if next.IsZero() || !expires.IsZero() && expires.Before(next) {
			next = expires
		}
	}
	n.stack.SetRouteTable(n.routeTable())
	resolv, hosts := n.resolvConf(), n.hostsFile()
	notify := n.notify
	if bytes.Equal(resolv, n.resolv) && bytes.Equal(hosts, n.hosts) {
		notify = nil
	}
	n.resolv, n.hosts = resolv, hosts
	if !n.allSettled && !slices.ContainsFunc(n.ifaces, func(f *iface) bool { return !f.settled() }) {
		n.allSettled = true
		close(n.settled)
	}
	n.mu.Unlock()
	if notify != nil {
		notify()
	}
	return next
}

// report tells of addresses that turned out to be used by others. The caller holds
// mu.
func (n *Net) report(f *iface, before announced) {
	for a, unique := range f.announced.unique {
		if _, known := before.unique[a]; !known && !unique {
			n.log.Printf(LevelError, "%s: %s is used by another host: it is not used here", f.Name, a)
		}
	}
}

var loopbackAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("::1/128")}

// routeTable lists all routes; of those with the same destination netstack takes
// the first. The caller holds mu.
func (n *Net) routeTable() (table []tcpip.Route) {
	for _, p := range loopbackAddresses {
		table = append(table, tcpip.Route{Destination: toSubnet(p.Masked()), NIC: loopbackID})
	}
	for _, f := range n.ifaces {
		for _, r := range f.routes() {
			entry := tcpip.Route{Destination: toSubnet(r.to), NIC: f.id}
			if r.via.IsValid() && !r.via.IsUnspecified() {
				entry.Gateway = toAddress(r.via)
			}
			table = append(table, entry)
		}
	}
	return table
}

// wait waits until all interfaces are settled, and says how they are.
func (n *Net) wait() {
	timer := time.NewTimer(bootWait)
	defer timer.Stop()
	select {
	case <-n.settled:
	case <-timer.C:
	}
	n.mu.Lock()
	n.up = true
	n.mu.Unlock()
	for _, f := range n.ifaces {
		n.mu.Lock()
		noLease, noRouter := f.DHCP && f.lease == nil, f.AcceptRAs && len(f.slaac()) == 0
		n.mu.Unlock()
		if noLease {
			n.log.Printf(LevelWarn, "%s: no DHCP server has answered for %s: going on without, and asking on", f.Name, bootWait)
		}
		if noRouter {
			n.log.Printf(LevelWarn, "%s: no router has announced an IPv6 prefix for %s: going on without, and listening on", f.Name, bootWait)
		}
		n.log.Printf(LevelInfo, "%s", n.describe(f))
	}
}

// describe says in one line how an interface is.
func (n *Net) describe(f *iface) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", f.Name)
	var how []string
	address := func(p netip.Prefix, gateway netip.Addr, source string) {
		fmt.Fprintf(&b, " %s", p)
		if gateway.IsValid() {
			fmt.Fprintf(&b, " gateway %s", gateway)
		}
		if !slices.Contains(how, source) {
			how = append(how, source)
		}
	}
	if f.IPv4.IsValid() {
		address(f.IPv4, f.IPv4Gateway, "static")
	}
	if l := f.lease; l != nil && l.infinite {
		address(l.address, l.gateway(), "dhcp, infinite lease")
	} else if l != nil {
		address(l.address, l.gateway(), fmt.Sprintf("dhcp, lease %d s", l.expires/time.Second))
	}
	if p, ok := f.staticIPv6(); ok {
		address(p, f.IPv6Gateway, "static")
	}
	for _, p := range f.slaac() {
		var gateway netip.Addr
		if len(f.announced.routers) > 0 {
			gateway = f.announced.routers[0].via
		}
		address(p, gateway, "slaac")
	}
	if len(how) == 0 {
		how = []string{"no address"}
	}
	for _, a := range n.servers() {
		fmt.Fprintf(&b, " dns %s", a)
	}
	mac := f.link.nic.MAC()
	fmt.Fprintf(&b, " mac %s mtu %d (%s)", tcpip.LinkAddress(mac[:]), f.mtu(), strings.Join(how, "; "))
	return b.String()
}

// Stack is the netstack that sockets are made on. It stays the Net's.
func (n *Net) Stack() *netstack.Stack { return n.stack }

// Backlog bounds, for the memory that there is, how many connections may wait in a
// listening socket. A socket should be given no more, whatever a program asks for.
func (n *Net) Backlog() int { return n.limits.backlog }

// Counters gives an interface's counters; ok is false if there is none of this
// name.
func (n *Net) Counters(name string) (c Counters, ok bool) {
	for _, f := range n.ifaces {
		if f.Name == name {
			return f.link.counters(), true
		}
	}
	return c, false
}

// Close ends all connections, closes the devices and waits until no goroutine of
// the stack is left. It must be called once.
func (n *Net) Close() error {
	n.cancel()
	n.workers.Wait()
	var errs []error
	for _, f := range n.ifaces {
		errs = append(errs, f.link.close())
	}
	for _, f := range n.ifaces {
		f.link.wait()
	}
	n.stack.Destroy()
	return errors.Join(errs...)
}
