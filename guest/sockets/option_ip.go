package sockets

import (
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
)

// ip4Options is IPPROTO_IP; empty options are only remembered.
var ip4Options = map[int]option{
	syscall.IP_TTL: {
		func(s *inet) (int, syscall.Errno) {
			v, err := s.endpoint.GetSockOptInt(tcpip.IPv4TTLOption)
			if err == nil && v == tcpip.UseDefaultIPv4TTL {
				return s.defaultHops(ipv4.ProtocolNumber), 0
			}
			return v, errnoOf(err)
		},
		func(s *inet, v int) syscall.Errno {
			switch {
			case v == -1:
				v = tcpip.UseDefaultIPv4TTL
			case v < 1 || v > 255:
				return syscall.EINVAL
			}
			return errnoOf(s.endpoint.SetSockOptInt(tcpip.IPv4TTLOption, v))
		},
	},
	syscall.IP_TOS:            byteValue(tcpip.IPv4TOSOption),
	syscall.IP_MULTICAST_TTL:  multicastHops(syscall.EINVAL),
	syscall.IP_MULTICAST_LOOP: flag((*tcpip.SocketOptions).GetMulticastLoop, (*tcpip.SocketOptions).SetMulticastLoop),
	syscall.IP_RECVTTL:        flag((*tcpip.SocketOptions).GetReceiveTTL, (*tcpip.SocketOptions).SetReceiveTTL),
	syscall.IP_RECVTOS:        flag((*tcpip.SocketOptions).GetReceiveTOS, (*tcpip.SocketOptions).SetReceiveTOS),
	syscall.IP_HDRINCL: {
		func(s *inet) (int, syscall.Errno) {
			if s.typ != syscall.SOCK_RAW {
				return 0, syscall.ENOPROTOOPT
			}
			return number(s.endpoint.SocketOptions().GetHeaderIncluded()), 0
		},
		func(s *inet, v int) syscall.Errno {
			if s.typ != syscall.SOCK_RAW {
				return syscall.ENOPROTOOPT
			}
			s.endpoint.SocketOptions().SetHeaderIncluded(v != 0)
			return 0
		},
	},
	syscall.IP_PKTINFO:      wanted(wantPacketInfo4, tellPacketInfo),
	ipRecvOrigDstAddr:       flag((*tcpip.SocketOptions).GetReceiveOriginalDstAddress, (*tcpip.SocketOptions).SetReceiveOriginalDstAddress),
	syscall.IP_MTU_DISCOVER: ranged(tcpip.MTUDiscoverOption, 0, 3),
	syscall.IP_MTU:          {get: pathMTU},
	syscall.IP_RECVERR:      {}, syscall.IP_RECVOPTS: {}, syscall.IP_MINTTL: {}, ipBindAddressNoPort: {}, ipNoDefragment: {},
}

// ip6Options is IPPROTO_IPV6; empty options are only remembered.
var ip6Options = map[int]option{
	syscall.IPV6_V6ONLY: {
		func(s *inet) (int, syscall.Errno) { return number(s.endpoint.SocketOptions().GetV6Only()), 0 },
		func(s *inet, v int) syscall.Errno {
			if !s.fresh() {
				return syscall.EINVAL
			}
			s.endpoint.SocketOptions().SetV6Only(v != 0)
			return 0
		},
	},
	syscall.IPV6_UNICAST_HOPS: {
		func(s *inet) (int, syscall.Errno) {
			v, err := s.endpoint.GetSockOptInt(tcpip.IPv6HopLimitOption)
			if err == nil && v == tcpip.UseDefaultIPv6HopLimit {
				return s.defaultHops(ipv6.ProtocolNumber), 0
			}
			return v, errnoOf(err)
		},
		func(s *inet, v int) syscall.Errno {
			if v < -1 || v > 255 {
				return syscall.EINVAL
			}
			return errnoOf(s.endpoint.SetSockOptInt(tcpip.IPv6HopLimitOption, v))
		},
	},
	syscall.IPV6_TCLASS:         byteValue(tcpip.IPv6TrafficClassOption),
	syscall.IPV6_MULTICAST_HOPS: multicastHops(syscall.ENOPROTOOPT),
	syscall.IPV6_MULTICAST_LOOP: flag((*tcpip.SocketOptions).GetMulticastLoop, (*tcpip.SocketOptions).SetMulticastLoop),
	syscall.IPV6_MULTICAST_IF: {
		func(s *inet) (int, syscall.Errno) {
			v, err := s.endpoint.GetSockOptInt(tcpip.IPv6MulticastInterfaceOption)
			return v, errnoOf(err)
		},
		func(s *inet, v int) syscall.Errno {
			if v < 0 {
				return syscall.ENODEV
			}
			return errnoOf(s.endpoint.SetSockOptInt(tcpip.IPv6MulticastInterfaceOption, v))
		},
	},
	syscall.IPV6_RECVPKTINFO:  wanted(wantPacketInfo6, tellPacketInfo),
	syscall.IPV6_RECVHOPLIMIT: flag((*tcpip.SocketOptions).GetReceiveHopLimit, (*tcpip.SocketOptions).SetReceiveHopLimit),
	syscall.IPV6_RECVTCLASS:   flag((*tcpip.SocketOptions).GetReceiveTClass, (*tcpip.SocketOptions).SetReceiveTClass),
	ipv6RecvOrigDstAddr:       flag((*tcpip.SocketOptions).GetReceiveOriginalDstAddress, (*tcpip.SocketOptions).SetReceiveOriginalDstAddress),
	syscall.IPV6_MTU_DISCOVER: ranged(tcpip.MTUDiscoverOption, 0, 3),
	syscall.IPV6_MTU:          {get: pathMTU},
	syscall.IPV6_CHECKSUM:     ranged(tcpip.IPv6Checksum, -1, 0xffff),
	syscall.IPV6_RECVERR:      {}, ipv6RecvPathMTU: {}, ipv6DontFrag: {}, ipv6AddrPreferences: {},
}

// multicastHops is the reach of multicasts; -1 restores one hop. Streams
// refuse to set it.
func multicastHops(refusal syscall.Errno) option {
	return option{
		get: func(s *inet) (int, syscall.Errno) {
			v, err := s.endpoint.GetSockOptInt(tcpip.MulticastTTLOption)
			return v, errnoOf(err)
		},
		set: func(s *inet, v int) syscall.Errno {
			switch {
			case s.stream():
				return refusal
			case v == -1:
				v = 1
			case v < -1 || v > 255:
				return syscall.EINVAL
			}
			return errnoOf(s.endpoint.SetSockOptInt(tcpip.MulticastTTLOption, v))
		},
	}
}

// byteValue is an option of which the low eight bits count; -1 clears it.
func byteValue(o tcpip.SockOptInt) option {
	return option{
		get: func(s *inet) (int, syscall.Errno) {
			v, err := s.endpoint.GetSockOptInt(o)
			return v, errnoOf(err)
		},
		set: func(s *inet, v int) syscall.Errno {
			if o == tcpip.IPv6TrafficClassOption && (v < -1 || v > 255) {
				return syscall.EINVAL
			}
			return errnoOf(s.endpoint.SetSockOptInt(o, max(v, 0)&0xff))
		},
	}
}

// tellPacketInfo asks the stack for what either family's packet info needs:
// a socket of AF_INET6 reports that of IPv4 datagrams as well.
func tellPacketInfo(o *tcpip.SocketOptions, wants uint32) {
	o.SetReceivePacketInfo(wants&(wantPacketInfo4|wantPacketInfo6) != 0)
	o.SetIPv6ReceivePacketInfo(wants&wantPacketInfo6 != 0)
}

func (s *inet) defaultHops(network tcpip.NetworkProtocolNumber) int {
	var ttl tcpip.DefaultTTLOption
	if s.stack.NetworkProtocolOption(network, &ttl) != nil {
		return 64
	}
	return int(ttl)
}

// pathMTU is that of the route to the peer.
func pathMTU(s *inet) (int, syscall.Errno) {
	peer, err := s.endpoint.GetRemoteAddress()
	if err != nil {
		return 0, errnoOf(err)
	}
	local, err := s.endpoint.GetLocalAddress()
	if err != nil {
		return 0, errnoOf(err)
	}
	network := tcpip.NetworkProtocolNumber(ipv6.ProtocolNumber)
	overhead := header.IPv6MinimumSize
	if peer.Addr.Len() == 4 {
		network, overhead = ipv4.ProtocolNumber, header.IPv4MinimumSize
	}
	route, err := s.stack.FindRoute(peer.NIC, local.Addr, peer.Addr, network, false)
	if err != nil {
		return 0, routeErrno(err)
	}
	defer route.Release()
	return int(route.MTU()) + overhead, 0
}

func (s *inet) ipStructOption(value []byte, level, name int) ([]byte, syscall.Errno) {
	if level == syscall.IPPROTO_IP && name == syscall.IP_MULTICAST_IF {
		var o tcpip.MulticastInterfaceOption
		if err := s.endpoint.GetSockOpt(&o); err != nil {
			return nil, errnoOf(err)
		}
		a := unmapped(o.InterfaceAddr)
		return append(value, a[:]...), 0
	}
	return nil, syscall.ENOPROTOOPT
}
