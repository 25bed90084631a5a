package sockets

import (
	"syscall"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// sendFrom applies the control messages of a send. Those that the stack's
// endpoints know go into opts; a datagram from a chosen IPv4 address, or with a
// traffic class of its own, is built here, and handled is true.
func (s *inet) sendFrom(m *Message, opts *tcpip.WriteOptions, c *sendControl) (handled bool, n int, errno syscall.Errno) {
	if c.nic < 0 || c.nic != 0 && !s.stack.HasNIC(c.nic) {
		return true, 0, syscall.ENODEV
	}
	if opts.To == nil {
		to, err := s.endpoint.GetRemoteAddress()
		if err != nil {
			return true, 0, syscall.EDESTADDRREQ
		}
		m.to = to
	}
	network := tcpip.NetworkProtocolNumber(ipv6.ProtocolNumber)
	if m.to.Addr.Len() == 4 || header.IsV4MappedAddress(m.to.Addr) {
		network = ipv4.ProtocolNumber
		m.to.Addr = tcpip.AddrFrom4(unmapped(m.to.Addr))
	}
	if c.source.Len() != 0 {
		if (network == ipv4.ProtocolNumber) != (c.source.Len() == 4) || s.stack.CheckLocalAddress(c.nic, network, c.source) == 0 {
			return true, 0, syscall.EINVAL
		}
	}
	if c.hasTOS || c.source.Len() == 4 {
		if s.protocol != syscall.IPPROTO_UDP || s.typ != syscall.SOCK_DGRAM {
			return true, 0, syscall.EOPNOTSUPP
		}
		n, errno = s.sendDatagram(m, network, c)
		return true, n, errno
	}
	opts.ControlMessages.HasTTL, opts.ControlMessages.TTL = c.hasTTL, c.ttl
	opts.ControlMessages.HasHopLimit, opts.ControlMessages.HopLimit = c.hasHopLimit, c.hopLimit
	if network == ipv6.ProtocolNumber && (c.nic != 0 || c.source.Len() != 0) {
		opts.ControlMessages.HasIPv6PacketInfo = true
		opts.ControlMessages.IPv6PacketInfo = tcpip.IPv6PacketInfo{NIC: c.nic, Addr: c.source}
	} else if c.nic != 0 {
		m.to.NIC = c.nic
		opts.To = &m.to
	}
	return false, 0, 0
}

// sendDatagram sends a UDP datagram to m.to past the endpoint.
func (s *inet) sendDatagram(m *Message, network tcpip.NetworkProtocolNumber, c *sendControl) (int, syscall.Errno) {
	options := s.endpoint.SocketOptions()
	switch {
	case m.to.Port == 0:
		return 0, syscall.EINVAL
	case s.sealed.Load():
		return 0, syscall.EPIPE
	case network == ipv4.ProtocolNumber && options.GetV6Only():
		return 0, syscall.ENETUNREACH
	case m.cursor.Len() > header.UDPMaximumPacketSize:
		return 0, syscall.EMSGSIZE
	}
	if s.fresh() {
		if err := s.endpoint.Bind(tcpip.FullAddress{}); err != nil && s.fresh() {
			return 0, errnoOf(err)
		}
	}
	local, err := s.endpoint.GetLocalAddress()
	if err != nil {
		return 0, errnoOf(err)
	}
	nic := c.nic
	if nic == 0 {
		nic = m.to.NIC
	}
	if nic == 0 {
		nic = tcpip.NICID(options.GetBindToDevice())
	}
	source := c.source
	if source.Len() == 0 {
		source = local.Addr
	}
	route, err := s.stack.FindRoute(nic, source, m.to.Addr, network, options.GetMulticastLoop())
	if err != nil {
		return 0, routeErrno(err)
	}
	defer route.Release()
	if route.IsOutboundBroadcast() && !options.GetBroadcast() {
		return 0, syscall.EACCES
	}
	view := buffer.NewViewSize(m.cursor.Len())
	n, _ := m.cursor.Read(view.AsSlice())
	packet := stack.NewPacketBuffer(stack.PacketBufferOptions{
		ReserveHeaderBytes: header.UDPMinimumSize + int(route.MaxHeaderLength()),
		Payload:            buffer.MakeWithView(view),
	})
	defer packet.DecRef()
	s.putUDPHeader(packet, route, local.Port, m.to.Port)
	return n, routeErrno(route.WritePacket(s.networkHeader(route, c), packet))
}

func (s *inet) putUDPHeader(packet *stack.PacketBuffer, route *stack.Route, from, to uint16) {
	h := header.UDP(packet.TransportHeader().Push(header.UDPMinimumSize))
	packet.TransportProtocolNumber = udp.ProtocolNumber
	length := uint16(packet.Size())
	h.Encode(&header.UDPFields{SrcPort: from, DstPort: to, Length: length})
	if route.RequiresTXTransportChecksum() {
		sum := route.PseudoHeaderChecksum(udp.ProtocolNumber, length)
		sum = h.CalculateChecksum(checksum.Combine(sum, packet.Data().Checksum()))
		if sum != 0xffff { // zero on the wire would mean that there is none
			sum = ^sum
		}
		h.SetChecksum(sum)
	}
}

// networkHeader is the fields of the IP header that options or control
// messages decide.
func (s *inet) networkHeader(route *stack.Route, c *sendControl) stack.NetworkHeaderParams {
	p := stack.NetworkHeaderParams{Protocol: udp.ProtocolNumber, TTL: route.DefaultTTL()}
	hops, class, unset := tcpip.IPv4TTLOption, tcpip.IPv4TOSOption, tcpip.UseDefaultIPv4TTL
	if route.NetProto() == ipv6.ProtocolNumber {
		hops, class, unset = tcpip.IPv6HopLimitOption, tcpip.IPv6TrafficClassOption, tcpip.UseDefaultIPv6HopLimit
	}
	if v, err := s.endpoint.GetSockOptInt(class); err == nil {
		p.TOS = uint8(v)
	}
	if isMulticast(route.RemoteAddress()) {
		hops, unset = tcpip.MulticastTTLOption, -1
	}
	if v, err := s.endpoint.GetSockOptInt(hops); err == nil && v != unset {
		p.TTL = uint8(v)
	}
	switch {
	case c.hasTTL && route.NetProto() == ipv4.ProtocolNumber:
		p.TTL = c.ttl
	case c.hasHopLimit && route.NetProto() == ipv6.ProtocolNumber:
		p.TTL = c.hopLimit
	}
	if c.hasTOS {
		p.TOS = c.tos
	}
	return p
}
