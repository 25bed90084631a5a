package sockets

import (
	"encoding/binary"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
)

// sizeofControl is the size of struct cmsghdr. Messages are aligned to 8.
const sizeofControl = 16

func alignControl(n int) int { return (n + 7) &^ 7 }

// Control messages that a socket asked for and the stack alone cannot decide.
const (
	wantPacketInfo4 = 1 << iota
	wantPacketInfo6
	wantTimestamp
	wantTimestampNanos
)

// nextControl splits the first control message off b.
func nextControl(b []byte) (level, typ int, data, rest []byte, errno syscall.Errno) {
	if len(b) < sizeofControl {
		return 0, 0, nil, nil, syscall.EINVAL
	}
	n := binary.LittleEndian.Uint64(b)
	if n < sizeofControl || n > uint64(len(b)) {
		return 0, 0, nil, nil, syscall.EINVAL
	}
	level = int(int32(binary.LittleEndian.Uint32(b[8:])))
	typ = int(int32(binary.LittleEndian.Uint32(b[12:])))
	return level, typ, b[sizeofControl:n], b[min(alignControl(int(n)), len(b)):], 0
}

// putControl stores a control message, cut off where there is no room.
func (m *Message) putControl(level, typ int, data []byte) {
	room := m.Control[m.ControlLen:]
	if len(room) < sizeofControl {
		m.OutFlags |= syscall.MSG_CTRUNC
		return
	}
	n := sizeofControl + len(data)
	if n > len(room) {
		m.OutFlags |= syscall.MSG_CTRUNC
		n = len(room)
	}
	binary.LittleEndian.PutUint64(room, uint64(n))
	binary.LittleEndian.PutUint32(room[8:], uint32(level))
	binary.LittleEndian.PutUint32(room[12:], uint32(typ))
	copy(room[sizeofControl:n], data)
	m.ControlLen += min(alignControl(n), len(room))
}

func (m *Message) putControlInt(level, typ int, v uint32) {
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], v)
	m.putControl(level, typ, b[:])
}

// receiveControl stores the control messages of a datagram.
func (s *inet) receiveControl(m *Message, c *tcpip.ReceivableControlMessages) {
	m.ControlLen = 0
	wants := s.wants.Load()
	if c.HasTimestamp && wants&(wantTimestamp|wantTimestampNanos) != 0 {
		var b [16]byte
		binary.LittleEndian.PutUint64(b[:], uint64(c.Timestamp.Unix()))
		if wants&wantTimestampNanos != 0 {
			binary.LittleEndian.PutUint64(b[8:], uint64(c.Timestamp.Nanosecond()))
			m.putControl(syscall.SOL_SOCKET, syscall.SO_TIMESTAMPNS, b[:])
		} else {
			binary.LittleEndian.PutUint64(b[8:], uint64(c.Timestamp.Nanosecond()/1000))
			m.putControl(syscall.SOL_SOCKET, syscall.SO_TIMESTAMP, b[:])
		}
	}
	if c.HasIPPacketInfo {
		if wants&wantPacketInfo6 != 0 {
			m.putPacketInfo6(c.PacketInfo.NIC, c.PacketInfo.DestinationAddr)
		}
		if wants&wantPacketInfo4 != 0 {
			var b [12]byte
			binary.LittleEndian.PutUint32(b[:], uint32(c.PacketInfo.NIC))
			local, to := unmapped(s.replyFrom(c.PacketInfo)), unmapped(c.PacketInfo.DestinationAddr)
			copy(b[4:], local[:])
			copy(b[8:], to[:])
			m.putControl(syscall.IPPROTO_IP, syscall.IP_PKTINFO, b[:])
		}
	}
	if c.HasTTL {
		m.putControlInt(syscall.IPPROTO_IP, syscall.IP_TTL, uint32(c.TTL))
	}
	if c.HasTOS {
		m.putControl(syscall.IPPROTO_IP, syscall.IP_TOS, []byte{c.TOS})
	}
	if c.HasIPv6PacketInfo {
		m.putPacketInfo6(c.IPv6PacketInfo.NIC, c.IPv6PacketInfo.Addr)
	}
	if c.HasHopLimit {
		m.putControlInt(syscall.IPPROTO_IPV6, syscall.IPV6_HOPLIMIT, uint32(c.HopLimit))
	}
	if c.HasTClass {
		m.putControlInt(syscall.IPPROTO_IPV6, syscall.IPV6_TCLASS, c.TClass)
	}
	if c.HasOriginalDstAddress {
		var b [sizeofInet6]byte
		if s.family == syscall.AF_INET {
			m.putControl(syscall.IPPROTO_IP, ipRecvOrigDstAddr, appendInet(b[:0], s.family, c.OriginalDstAddress))
		} else {
			m.putControl(syscall.IPPROTO_IPV6, ipv6RecvOrigDstAddr, appendInet(b[:0], s.family, c.OriginalDstAddress))
		}
	}
}

func (m *Message) putPacketInfo6(nic tcpip.NICID, to tcpip.Address) {
	var b [20]byte
	a := mapped(to)
	copy(b[:], a[:])
	binary.LittleEndian.PutUint32(b[16:], uint32(nic))
	m.putControl(syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO, b[:])
}

// replyFrom is the address an answer to a datagram comes from: the one it was
// sent to, unless that was a group or a broadcast.
func (s *inet) replyFrom(p tcpip.IPPacketInfo) tcpip.Address {
	a := p.DestinationAddr
	if !isMulticast(a) && !s.stack.IsSubnetBroadcast(p.NIC, ipv4.ProtocolNumber, a) {
		return a
	}
	own, err := s.stack.GetMainNICAddress(p.NIC, ipv4.ProtocolNumber)
	if err != nil {
		return tcpip.Address{}
	}
	return own.Address
}

// sendControl is the control messages of a send.
type sendControl struct {
	source                      tcpip.Address
	nic                         tcpip.NICID
	hasTTL, hasHopLimit, hasTOS bool
	ttl, hopLimit, tos          uint8
}

// parseControl reads the control messages of a datagram to be sent.
func parseControl(b []byte) (c sendControl, errno syscall.Errno) {
	for len(b) >= sizeofControl {
		var level, typ int
		var data []byte
		if level, typ, data, b, errno = nextControl(b); errno != 0 {
			return c, errno
		}
		switch level {
		case syscall.SOL_SOCKET:
		case syscall.IPPROTO_IP:
			errno = c.parse4(typ, data)
		case syscall.IPPROTO_IPV6:
			errno = c.parse6(typ, data)
		default:
			errno = syscall.EINVAL
		}
		if errno != 0 {
			return c, errno
		}
	}
	return c, 0
}

func (c *sendControl) parse4(typ int, data []byte) syscall.Errno {
	switch typ {
	case syscall.IP_PKTINFO:
		if len(data) < 12 {
			return syscall.EINVAL
		}
		c.nic = tcpip.NICID(int32(binary.LittleEndian.Uint32(data)))
		if a := tcpip.AddrFrom4([4]byte(data[4:8])); !a.Unspecified() {
			c.source = a
		}
	case syscall.IP_TTL:
		v, ok := controlInt(data)
		if !ok || v < 1 || v > 255 {
			return syscall.EINVAL
		}
		c.ttl, c.hasTTL = uint8(v), true
	case syscall.IP_TOS:
		v, ok := controlInt(data)
		if len(data) == 1 {
			v, ok = int(data[0]), true
		}
		if !ok || v < 0 || v > 255 {
			return syscall.EINVAL
		}
		c.tos, c.hasTOS = uint8(v), true
	default:
		return syscall.EINVAL
	}
	return 0
}

func (c *sendControl) parse6(typ int, data []byte) syscall.Errno {
	switch typ {
	case syscall.IPV6_PKTINFO:
		if len(data) < 20 {
			return syscall.EINVAL
		}
		c.nic = tcpip.NICID(int32(binary.LittleEndian.Uint32(data[16:])))
		a := tcpip.AddrFrom16([16]byte(data))
		if header.IsV4MappedAddress(a) {
			a = tcpip.AddrFrom4(unmapped(a))
		}
		if !a.Unspecified() {
			c.source = a
		}
	case syscall.IPV6_HOPLIMIT:
		v, ok := controlInt(data)
		if !ok || v < -1 || v > 255 {
			return syscall.EINVAL
		}
		c.hopLimit, c.hasHopLimit = uint8(v), v >= 0
	case syscall.IPV6_TCLASS:
		v, ok := controlInt(data)
		if !ok || v < -1 || v > 255 {
			return syscall.EINVAL
		}
		c.tos, c.hasTOS = uint8(v), v >= 0
	default:
		return syscall.EINVAL
	}
	return 0
}

func controlInt(data []byte) (int, bool) {
	if len(data) < 4 {
		return 0, false
	}
	return int(int32(binary.LittleEndian.Uint32(data))), true
}
