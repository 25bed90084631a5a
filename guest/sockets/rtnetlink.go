package sockets

import (
	"encoding/binary"
	"maps"
	"slices"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// maxNetlinkDatagram is how much of a dump is sent at once: a page, which is
// the buffer that programs receive with at least.
const maxNetlinkDatagram = 4096

// txQueueLen is the length of queue that interfaces report.
const txQueueLen = 1000

// Attributes and values of rtnetlink that package syscall does not name.
const (
	attrOperState  = 16 // IFLA_OPERSTATE
	operUnknown    = 0
	operUp         = 6
	flagLowerUp    = 1 << 16
	flagsPermanent = 0x80 // IFA_F_PERMANENT
)

// netlinkReplies collects the datagrams that answer requests.
type netlinkReplies struct {
	port      uint32
	datagrams [][]byte
	seq       uint32
	multi     bool // the messages are parts of a dump
	message   []byte
}

// answerNetlink answers the requests in a datagram. What is malformed ends the
// datagram, as in Linux.
func answerNetlink(s *stack.Stack, port uint32, b []byte) [][]byte {
	r := &netlinkReplies{port: port}
	for len(b) >= syscall.NLMSG_HDRLEN {
		n := binary.LittleEndian.Uint32(b)
		if n < syscall.NLMSG_HDRLEN || uint64(n) > uint64(len(b)) {
			break
		}
		request := b[:n]
		b = b[min((int(n)+3)&^3, len(b)):]
		typ := binary.LittleEndian.Uint16(request[4:])
		flags := binary.LittleEndian.Uint16(request[6:])
		r.seq = binary.LittleEndian.Uint32(request[8:])
		if flags&syscall.NLM_F_REQUEST == 0 || typ < syscall.NLMSG_MIN_TYPE {
			continue
		}
		dump := flags&syscall.NLM_F_DUMP == syscall.NLM_F_DUMP
		errno := r.answer(s, typ, dump, request[syscall.NLMSG_HDRLEN:])
		if errno != 0 || flags&syscall.NLM_F_ACK != 0 && !dump {
			r.status(errno, request[:syscall.NLMSG_HDRLEN])
		}
	}
	return r.datagrams
}

func (r *netlinkReplies) answer(s *stack.Stack, typ uint16, dump bool, body []byte) syscall.Errno {
	r.multi = dump
	family := 0
	if len(body) != 0 {
		family = int(body[0])
	}
	switch {
	case typ == syscall.RTM_GETLINK && !dump:
		return r.oneLink(s, body)
	case !dump && (typ-syscall.RTM_BASE)%4 != 2: // not one of the RTM_GET
		return syscall.EPERM
	case !dump:
		return syscall.EOPNOTSUPP
	case typ == syscall.RTM_GETLINK:
		r.links(s)
	case typ == syscall.RTM_GETADDR:
		r.addresses(s, family)
	case typ == syscall.RTM_GETROUTE:
		r.routes(s, family)
	case typ == syscall.RTM_GETNEIGH, typ == syscall.RTM_GETRULE:
	default:
		return syscall.EOPNOTSUPP
	}
	r.begin(syscall.NLMSG_DONE)
	r.message = append(r.message, 0, 0, 0, 0)
	r.end()
	return 0
}

// begin starts a message, end finishes it.
func (r *netlinkReplies) begin(typ uint16) {
	flags := uint16(0)
	if r.multi {
		flags = syscall.NLM_F_MULTI
	}
	r.message = binary.LittleEndian.AppendUint32(nil, 0)
	r.message = binary.LittleEndian.AppendUint16(r.message, typ)
	r.message = binary.LittleEndian.AppendUint16(r.message, flags)
	r.message = binary.LittleEndian.AppendUint32(r.message, r.seq)
	r.message = binary.LittleEndian.AppendUint32(r.message, r.port)
}

func (r *netlinkReplies) end() {
	binary.LittleEndian.PutUint32(r.message, uint32(len(r.message)))
	for len(r.message)%4 != 0 {
		r.message = append(r.message, 0)
	}
	if last := len(r.datagrams) - 1; last >= 0 && len(r.datagrams[last])+len(r.message) <= maxNetlinkDatagram {
		r.datagrams[last] = append(r.datagrams[last], r.message...)
		return
	}
	r.datagrams = append(r.datagrams, r.message)
}

func (r *netlinkReplies) attribute(typ uint16, data []byte) {
	r.message = binary.LittleEndian.AppendUint16(r.message, uint16(4+len(data)))
	r.message = binary.LittleEndian.AppendUint16(r.message, typ)
	r.message = append(r.message, data...)
	for len(r.message)%4 != 0 {
		r.message = append(r.message, 0)
	}
}

func (r *netlinkReplies) attribute32(typ uint16, v uint32) {
	r.attribute(typ, binary.LittleEndian.AppendUint32(nil, v))
}

// status sends NLMSG_ERROR, which for 0 is an acknowledgement.
func (r *netlinkReplies) status(errno syscall.Errno, request []byte) {
	r.multi = false
	r.begin(syscall.NLMSG_ERROR)
	r.message = binary.LittleEndian.AppendUint32(r.message, uint32(-int32(errno)))
	r.message = append(r.message, request...)
	r.end()
}

func (r *netlinkReplies) links(s *stack.Stack) {
	nics := s.NICInfo()
	for _, id := range slices.Sorted(maps.Keys(nics)) {
		nic := nics[id]
		r.link(id, &nic)
	}
}

// oneLink answers for the interface with the index, or else the name, asked for.
func (r *netlinkReplies) oneLink(s *stack.Stack, body []byte) syscall.Errno {
	if len(body) < syscall.SizeofIfInfomsg {
		return syscall.EINVAL
	}
	id := tcpip.NICID(int32(binary.LittleEndian.Uint32(body[4:])))
	if id == 0 {
		for b := body[syscall.SizeofIfInfomsg:]; len(b) >= 4; {
			n := int(binary.LittleEndian.Uint16(b))
			if n < 4 || n > len(b) {
				return syscall.EINVAL
			}
			if binary.LittleEndian.Uint16(b[2:]) == syscall.IFLA_IFNAME {
				id, _ = nicByName(s, b[4:n])
			}
			b = b[min((n+3)&^3, len(b)):]
		}
	}
	nic, ok := s.NICInfo()[id]
	if !ok {
		return syscall.ENODEV
	}
	r.link(id, &nic)
	return 0
}

func (r *netlinkReplies) link(id tcpip.NICID, nic *stack.NICInfo) {
	r.begin(syscall.RTM_NEWLINK)
	r.message = append(r.message, syscall.AF_UNSPEC, 0)
	r.message = binary.LittleEndian.AppendUint16(r.message, linkType(nic))
	r.message = binary.LittleEndian.AppendUint32(r.message, uint32(id))
	r.message = binary.LittleEndian.AppendUint32(r.message, linkFlags(nic))
	r.message = binary.LittleEndian.AppendUint32(r.message, 0)
	r.attribute(syscall.IFLA_IFNAME, append([]byte(nic.Name), 0))
	r.attribute32(syscall.IFLA_TXQLEN, txQueueLen)
	r.attribute32(syscall.IFLA_MTU, nic.MTU)
	state := byte(operUnknown)
	if nic.Flags.Running && !nic.Flags.Loopback {
		state = operUp
	}
	r.attribute(attrOperState, []byte{state})
	hardware, broadcast := make([]byte, 6), make([]byte, 6)
	copy(hardware, nic.LinkAddress)
	if !nic.Flags.Loopback {
		for i := range broadcast {
			broadcast[i] = 0xff
		}
	}
	r.attribute(syscall.IFLA_ADDRESS, hardware)
	r.attribute(syscall.IFLA_BROADCAST, broadcast)
	r.end()
}

// linkType is the ARPHRD_ of an interface.
func linkType(nic *stack.NICInfo) uint16 {
	if nic.Flags.Loopback {
		return syscall.ARPHRD_LOOPBACK
	}
	return syscall.ARPHRD_ETHER
}

// linkFlags is the IFF_ of an interface.
func linkFlags(nic *stack.NICInfo) uint32 {
	flags := uint32(syscall.IFF_BROADCAST | syscall.IFF_MULTICAST)
	if nic.Flags.Loopback {
		flags = syscall.IFF_LOOPBACK
	}
	if nic.Flags.Up {
		flags |= syscall.IFF_UP
	}
	if nic.Flags.Running {
		flags |= syscall.IFF_RUNNING | flagLowerUp
	}
	if nic.Flags.Promiscuous {
		flags |= syscall.IFF_PROMISC
	}
	return flags
}

func (r *netlinkReplies) addresses(s *stack.Stack, family int) {
	nics := s.NICInfo()
	for _, id := range slices.Sorted(maps.Keys(nics)) {
		nic := nics[id]
		for _, a := range nic.ProtocolAddresses {
			if f := familyOf(a.Protocol); f != 0 && (family == f || family == syscall.AF_UNSPEC) {
				r.address(id, &nic, f, a.AddressWithPrefix)
			}
		}
	}
}

func familyOf(network tcpip.NetworkProtocolNumber) int {
	switch network {
	case header.IPv4ProtocolNumber:
		return syscall.AF_INET
	case header.IPv6ProtocolNumber:
		return syscall.AF_INET6
	}
	return 0
}

func (r *netlinkReplies) address(id tcpip.NICID, nic *stack.NICInfo, family int, a tcpip.AddressWithPrefix) {
	scope := byte(syscall.RT_SCOPE_UNIVERSE)
	switch {
	case header.IsV4LoopbackAddress(a.Address) || header.IsV6LoopbackAddress(a.Address):
		scope = syscall.RT_SCOPE_HOST
	case isLinkLocal(a.Address) || header.IsV4LinkLocalUnicastAddress(a.Address):
		scope = syscall.RT_SCOPE_LINK
	}
	r.begin(syscall.RTM_NEWADDR)
	r.message = append(r.message, byte(family), byte(a.PrefixLen), flagsPermanent, scope)
	r.message = binary.LittleEndian.AppendUint32(r.message, uint32(id))
	r.attribute(syscall.IFA_ADDRESS, a.Address.AsSlice())
	if family == syscall.AF_INET {
		r.attribute(syscall.IFA_LOCAL, a.Address.AsSlice())
		if subnet := a.Subnet(); !nic.Flags.Loopback && a.PrefixLen <= 30 {
			broadcast := subnet.Broadcast()
			r.attribute(syscall.IFA_BROADCAST, broadcast.AsSlice())
		}
		r.attribute(syscall.IFA_LABEL, append([]byte(nic.Name), 0))
	}
	r.end()
}

func (r *netlinkReplies) routes(s *stack.Stack, family int) {
	for _, route := range s.GetRouteTable() {
		to := route.Destination.ID()
		f := syscall.AF_INET
		if to.Len() == 16 {
			f = syscall.AF_INET6
		}
		if family != f && family != syscall.AF_UNSPEC {
			continue
		}
		scope := byte(syscall.RT_SCOPE_LINK)
		if route.Gateway.Len() != 0 {
			scope = syscall.RT_SCOPE_UNIVERSE
		}
		r.begin(syscall.RTM_NEWROUTE)
		r.message = append(r.message, byte(f), byte(route.Destination.Prefix()), 0, 0,
			syscall.RT_TABLE_MAIN, syscall.RTPROT_BOOT, scope, syscall.RTN_UNICAST, 0, 0, 0, 0)
		r.attribute32(syscall.RTA_TABLE, syscall.RT_TABLE_MAIN)
		if route.Destination.Prefix() != 0 {
			r.attribute(syscall.RTA_DST, to.AsSlice())
		}
		if route.Gateway.Len() != 0 {
			r.attribute(syscall.RTA_GATEWAY, route.Gateway.AsSlice())
		}
		if route.SourceHint.Len() != 0 {
			r.attribute(syscall.RTA_PREFSRC, route.SourceHint.AsSlice())
		}
		r.attribute32(syscall.RTA_OIF, uint32(route.NIC))
		r.end()
	}
}
