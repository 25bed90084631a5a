package sockets

import (
	"encoding/binary"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
)

func (s *inet) setIP4StructOption(name int, value []byte) syscall.Errno {
	switch name {
	case syscall.IP_ADD_MEMBERSHIP, syscall.IP_DROP_MEMBERSHIP:
		if len(value) < 8 {
			return syscall.EINVAL
		}
		m := tcpip.MembershipOption{
			MulticastAddr: tcpip.AddrFrom4([4]byte(value)),
			InterfaceAddr: tcpip.AddrFrom4([4]byte(value[4:])),
		}
		if len(value) >= 12 { // struct ip_mreqn
			if m.NIC = tcpip.NICID(int32(binary.LittleEndian.Uint32(value[8:]))); m.NIC != 0 {
				m.InterfaceAddr = tcpip.Address{}
			}
		}
		return s.member(name == syscall.IP_ADD_MEMBERSHIP, m)
	case mcastJoinGroup, mcastLeaveGroup:
		return s.groupRequest(name == mcastJoinGroup, syscall.AF_INET, value)
	case syscall.IP_MULTICAST_IF:
		return s.setMulticastInterface(value)
	}
	return syscall.ENOPROTOOPT
}

func (s *inet) setIP6StructOption(name int, value []byte) syscall.Errno {
	switch name {
	case syscall.IPV6_JOIN_GROUP, syscall.IPV6_LEAVE_GROUP:
		if len(value) < 20 {
			return syscall.EINVAL
		}
		return s.member(name == syscall.IPV6_JOIN_GROUP, tcpip.MembershipOption{
			MulticastAddr: tcpip.AddrFrom16([16]byte(value)),
			NIC:           tcpip.NICID(int32(binary.LittleEndian.Uint32(value[16:]))),
		})
	case mcastJoinGroup, mcastLeaveGroup:
		return s.groupRequest(name == mcastJoinGroup, syscall.AF_INET6, value)
	}
	return syscall.ENOPROTOOPT
}

// groupRequest reads struct group_req.
func (s *inet) groupRequest(join bool, family int, value []byte) syscall.Errno {
	if len(value) < 8+sizeofInet4 {
		return syscall.EINVAL
	}
	a, got, errno := parseInet(value[8:min(len(value), 8+maxAddress)])
	if errno != 0 {
		return errno
	}
	if got != family {
		return syscall.EINVAL
	}
	return s.member(join, tcpip.MembershipOption{
		MulticastAddr: a.Addr,
		NIC:           tcpip.NICID(int32(binary.LittleEndian.Uint32(value))),
	})
}

// member joins or leaves a group.
func (s *inet) member(join bool, m tcpip.MembershipOption) syscall.Errno {
	switch {
	case s.stream():
		return syscall.EPROTO
	case m.NIC < 0 || m.NIC != 0 && !s.stack.HasNIC(m.NIC):
		return syscall.ENODEV
	}
	if join {
		o := tcpip.AddMembershipOption(m)
		return errnoOf(s.endpoint.SetSockOpt(&o))
	}
	o := tcpip.RemoveMembershipOption(m)
	return errnoOf(s.endpoint.SetSockOpt(&o))
}

// setMulticastInterface reads struct in_addr, ip_mreq or ip_mreqn.
func (s *inet) setMulticastInterface(value []byte) syscall.Errno {
	var o tcpip.MulticastInterfaceOption
	switch {
	case s.stream():
		return syscall.ENOPROTOOPT
	case len(value) >= 12:
		o.NIC = tcpip.NICID(int32(binary.LittleEndian.Uint32(value[8:])))
		o.InterfaceAddr = tcpip.AddrFrom4([4]byte(value[4:]))
	case len(value) >= 8:
		o.InterfaceAddr = tcpip.AddrFrom4([4]byte(value[4:]))
	case len(value) >= 4:
		o.InterfaceAddr = tcpip.AddrFrom4([4]byte(value))
	default:
		return syscall.EINVAL
	}
	if o.InterfaceAddr.Unspecified() {
		o.InterfaceAddr = tcpip.Address{}
	}
	if o.NIC < 0 {
		return syscall.EADDRNOTAVAIL
	}
	return errnoOf(s.endpoint.SetSockOpt(&o))
}

// setICMP6Filter is ICMP6_FILTER, eight words of types to drop.
func (s *inet) setICMP6Filter(name int, value []byte) syscall.Errno {
	if name != syscall.ICMPV6_FILTER || s.protocol != protocolICMPv6 {
		return syscall.ENOPROTOOPT
	}
	if len(value) < 32 {
		return syscall.EINVAL
	}
	var f tcpip.ICMPv6Filter
	for i := range f.DenyType {
		f.DenyType[i] = binary.LittleEndian.Uint32(value[4*i:])
	}
	return errnoOf(s.endpoint.SetSockOpt(&f))
}

// setICMP4Filter accepts ICMP_FILTER, without effect: what a program filters
// out it also ignores when it arrives.
func (s *inet) setICMP4Filter(name int, value []byte) syscall.Errno {
	if name != icmpFilter || s.protocol != syscall.IPPROTO_ICMP {
		return syscall.ENOPROTOOPT
	}
	if len(value) < 4 {
		return syscall.EINVAL
	}
	return 0
}
