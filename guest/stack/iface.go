package stack

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// maxSolicitDelay spreads the first router solicitations of guests that start
// together (RFC 4861 has a second, which a guest's start should not take).
const maxSolicitDelay = 100 * time.Millisecond

// iface is a network interface: a device, its configuration, and what DHCP and
// router advertisements made of it.
type iface struct {
	Interface
	net  *Net
	id   tcpip.NICID
	link *link

	// Guarded by net.mu.
	lease     *lease
	announced announced
}

// mtu is what packets may have in bytes: as configured, as the lease says, or as
// the device can.
func (f *iface) mtu() int {
	device := f.link.nic.MTU()
	switch {
	case f.MTU != 0:
		return min(f.MTU, device)
	case f.lease != nil && f.lease.mtu != 0:
		return min(f.lease.mtu, device)
	}
	return device
}

// start puts the interface into netstack, with its addresses.
func (f *iface) start() error {
	s := f.net.stack
	opts := netstack.NICOptions{Name: f.Name, Disabled: true}
	if err := s.CreateNICWithOptions(f.id, f.link, opts); err != nil {
		return fmt.Errorf("network device %q: %w", f.Name, failure(err))
	}
	if f.AcceptRAs {
		if err := f.acceptRAs(); err != nil {
			return err
		}
	}
	if err := s.EnableNIC(f.id); err != nil {
		return fmt.Errorf("network device %q: %w", f.Name, failure(err))
	}
	if f.DHCP {
		f.startDHCP()
	}
	for _, p := range []netip.Prefix{f.IPv4, f.IPv6} {
		if !p.IsValid() {
			continue
		}
		if err := f.add(p); err != nil {
			return err
		}
	}
	if f.IPv4.IsValid() {
		f.warnInUse(f.IPv4.Addr())
	}
	return nil
}

func (f *iface) acceptRAs() error {
	ep, err := f.net.stack.GetNetworkEndpoint(f.id, ipv6.ProtocolNumber)
	if err != nil {
		return fmt.Errorf("IPv6 of %s: %w", f.Name, failure(err))
	}
	config := ipv6.DefaultNDPConfigurations()
	config.HandleRAs = ipv6.HandlingRAsEnabledWhenForwardingDisabled
	config.MaxRtrSolicitationDelay = maxSolicitDelay
	config.AutoGenTempGlobalAddresses = false
	ep.(ipv6.NDPEndpoint).SetNDPConfigurations(config)
	return nil
}

// add gives the interface an address.
func (f *iface) add(p netip.Prefix) error {
	if err := f.net.stack.AddProtocolAddress(f.id, protocolAddress(p), netstack.AddressProperties{}); err != nil {
		return fmt.Errorf("giving %s the address %s: %w", f.Name, p, failure(err))
	}
	if p.Addr().Is4() {
		f.announce(p.Addr())
	}
	return nil
}

// announce tells the link that an IPv4 address is here now (RFC 5227, section
// 2.3), for those that remember where it was before.
func (f *iface) announce(a netip.Addr) {
	frame := make([]byte, header.EthernetMinimumSize+header.ARPSize)
	header.Ethernet(frame).Encode(&header.EthernetFields{
		SrcAddr: f.link.mac, DstAddr: header.EthernetBroadcastAddress, Type: header.ARPProtocolNumber,
	})
	arp := header.ARP(frame[header.EthernetMinimumSize:])
	arp.SetIPv4OverEthernet()
	arp.SetOp(header.ARPRequest)
	copy(arp.HardwareAddressSender(), f.link.mac)
	copy(arp.ProtocolAddressSender(), a.AsSlice())
	copy(arp.ProtocolAddressTarget(), a.AsSlice())
	if err := f.link.writeFrame(frame); err != nil {
		f.net.log.Printf(LevelDebug, "%s: announcing %s: %v", f.Name, a, err)
	}
}

// probe asks whether another host has an IPv4 address, and gives the answer to f.
func (f *iface) probe(a netip.Addr, answer func(netstack.DADResult)) {
	if _, err := f.net.stack.CheckDuplicateAddress(f.id, header.IPv4ProtocolNumber, toAddress(a), answer); err != nil {
		answer(&netstack.DADError{Err: err})
	}
}

// inUse reports whether another host has an IPv4 address.
func (f *iface) inUse(ctx context.Context, a netip.Addr) bool {
	answer := make(chan netstack.DADResult, 1)
	f.probe(a, func(r netstack.DADResult) { answer <- r })
	select {
	case r := <-answer:
		_, used := r.(*netstack.DADDupAddrDetected)
		return used
	case <-ctx.Done():
		return false
	}
}

// warnInUse tells the operator if another host has an address, without waiting.
func (f *iface) warnInUse(a netip.Addr) {
	f.probe(a, func(r netstack.DADResult) {
		if d, used := r.(*netstack.DADDupAddrDetected); used {
			f.net.log.Printf(LevelError, "%s: %s is used by another host (%s)", f.Name, a, d.HolderLinkAddress)
		}
	})
}

// startDHCP starts the DHCP client.
func (f *iface) startDHCP() {
	c := &dhcpClient{
		name: f.Name, mac: f.link.nic.MAC(), hostname: f.net.config.Hostname, mtu: f.link.nic.MTU(), log: f.net.log,
		send: f.sendDHCP, inUse: f.inUse, set: f.setLease,
		replies: make(chan *dhcpv4.DHCPv4, 8),
	}
	receive := c.receive
	f.link.dhcp.Store(&receive)
	f.net.workers.Go(func() { c.run(f.net.ctx) })
}

// sendDHCP sends a client's message: to all as a frame of its own, to one server
// as any datagram.
func (f *iface) sendDHCP(m *dhcpv4.DHCPv4, from, to netip.Addr) error {
	if !to.IsValid() {
		return f.link.writeFrame(dhcpBroadcast(f.link.mac, from, m.ToBytes()))
	}
	ep, err := f.net.stack.NewEndpoint(udp.ProtocolNumber, header.IPv4ProtocolNumber, new(waiter.Queue))
	if err != nil {
		return failure(err)
	}
	defer ep.Close()
	if err := ep.Bind(tcpip.FullAddress{NIC: f.id, Addr: toAddress(from), Port: dhcpClientPort}); err != nil {
		return fmt.Errorf("binding %s: %w", netip.AddrPortFrom(from, dhcpClientPort), failure(err))
	}
	server := tcpip.FullAddress{NIC: f.id, Addr: toAddress(to), Port: dhcpServerPort}
	_, err = ep.Write(bytes.NewReader(m.ToBytes()), tcpip.WriteOptions{To: &server})
	return failure(err)
}

// setLease puts a lease to use, or takes the last one away.
func (f *iface) setLease(l *lease) {
	n := f.net
	n.mu.Lock()
	old := f.lease
	f.lease = l
	if old != nil && (l == nil || l.address != old.address) {
		if err := n.stack.RemoveAddress(f.id, toAddress(old.address.Addr())); err != nil {
			n.log.Printf(LevelDebug, "%s: removing %s: %s", f.Name, old.address, err)
		}
	}
	if l != nil && (old == nil || l.address != old.address) {
		if err := f.add(l.address); err != nil {
			n.log.Printf(LevelError, "%v", err)
		}
	}
	if err := n.stack.SetNICMTU(f.id, uint32(f.mtu())); err != nil {
		n.log.Printf(LevelError, "%s: setting the MTU: %s", f.Name, err)
	}
	up := n.up
	n.mu.Unlock()
	n.refresh()
	switch {
	case !up:
	case l == nil:
		n.log.Printf(LevelWarn, "%s: no IPv4 address any more: asking for a new one", f.Name)
	case !l.sameSettings(old):
		n.log.Printf(LevelInfo, "%s", n.describe(f))
	}
}

// settled reports whether all that was asked for is there. The caller holds
// net.mu.
func (f *iface) settled() bool {
	if f.DHCP && f.lease == nil {
		return false
	}
	if f.IPv6.IsValid() {
		if _, checked := f.announced.unique[f.IPv6.Addr()]; !checked {
			return false
		}
	}
	return !f.AcceptRAs || len(f.slaac()) > 0
}

// staticIPv6 is the configured address, unless another host has it. The caller
// holds net.mu.
func (f *iface) staticIPv6() (netip.Prefix, bool) {
	unique, checked := f.announced.unique[f.IPv6.Addr()]
	return f.IPv6, f.IPv6.IsValid() && (unique || !checked)
}

// slaac lists the addresses of SLAAC that are in use. The caller holds net.mu.
func (f *iface) slaac() (list []netip.Prefix) {
	for _, p := range f.announced.addresses {
		if f.announced.unique[p.Addr()] {
			list = append(list, p)
		}
	}
	return list
}

// routes lists the interface's routes, the ones to prefer first. The caller holds
// net.mu.
func (f *iface) routes() (list []route) {
	link := func(p netip.Prefix) {
		if p.IsValid() {
			list = append(list, route{to: p.Masked()})
		}
	}
	gateway := func(to, via netip.Addr) {
		if via.IsValid() {
			list = append(list, route{netip.PrefixFrom(to, 0), via})
		}
	}
	link(f.IPv4)
	gateway(netip.IPv4Unspecified(), f.IPv4Gateway)
	if f.lease != nil {
		link(f.lease.address)
		list = append(list, f.lease.routes...)
	}
	if p, ok := f.staticIPv6(); ok {
		link(p)
	}
	gateway(netip.IPv6Unspecified(), f.IPv6Gateway)
	for _, p := range f.announced.prefixes {
		link(p)
	}
	for _, r := range f.announced.routers {
		list = append(list, r.route)
	}
	return append(list, route{to: netip.MustParsePrefix("fe80::/64")}, route{to: netip.MustParsePrefix("ff00::/8")})
}
