package sockets

import (
	"encoding/binary"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// Sizes of struct sockaddr_in, sockaddr_in6 and sockaddr_nl. An address of
// AF_INET6 may come without its scope.
const (
	sizeofInet4       = 16
	sizeofInet6       = 28
	sizeofInet6Short  = 24
	sizeofNetlink     = 12
	maxAddress        = 128 // struct sockaddr_storage
	v4MappedPrefixLen = 12
)

var v4MappedPrefix = [v4MappedPrefixLen]byte{10: 0xff, 11: 0xff}

// addressFamily is the family in a struct sockaddr.
func addressFamily(b []byte) (int, syscall.Errno) {
	if len(b) < 2 || len(b) > maxAddress {
		return 0, syscall.EINVAL
	}
	return int(binary.LittleEndian.Uint16(b)), 0
}

// parseInet reads a struct sockaddr_in or sockaddr_in6. The scope counts for
// link-local addresses only.
func parseInet(b []byte) (a tcpip.FullAddress, family int, errno syscall.Errno) {
	family, errno = addressFamily(b)
	if errno != 0 {
		return a, 0, errno
	}
	switch family {
	case syscall.AF_INET:
		if len(b) < sizeofInet4 {
			return a, 0, syscall.EINVAL
		}
		a.Addr = tcpip.AddrFrom4([4]byte(b[4:8]))
	case syscall.AF_INET6:
		if len(b) < sizeofInet6Short {
			return a, 0, syscall.EINVAL
		}
		a.Addr = tcpip.AddrFrom16([16]byte(b[8:24]))
		if len(b) >= sizeofInet6 && isLinkLocal(a.Addr) {
			scope := binary.LittleEndian.Uint32(b[24:])
			if int32(scope) < 0 {
				return a, 0, syscall.ENODEV
			}
			a.NIC = tcpip.NICID(scope)
		}
	default:
		return a, family, syscall.EAFNOSUPPORT
	}
	a.Port = binary.BigEndian.Uint16(b[2:])
	return a, family, 0
}

func isLinkLocal(a tcpip.Address) bool {
	return a.Len() == 16 && (header.IsV6LinkLocalUnicastAddress(a) || header.IsV6LinkLocalMulticastAddress(a))
}

// appendInet appends a as a socket of a family sees it: AF_INET6 sees IPv4
// addresses mapped.
func appendInet(b []byte, family int, a tcpip.FullAddress) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(family))
	b = binary.BigEndian.AppendUint16(b, a.Port)
	if family == syscall.AF_INET {
		v4 := unmapped(a.Addr)
		b = append(b, v4[:]...)
		return append(b, make([]byte, 8)...)
	}
	b = binary.LittleEndian.AppendUint32(b, 0) // flow
	v6 := mapped(a.Addr)
	b = append(b, v6[:]...)
	scope := uint32(0)
	if isLinkLocal(a.Addr) {
		scope = uint32(a.NIC)
	}
	return binary.LittleEndian.AppendUint32(b, scope)
}

// mapped is the address as one of IPv6, all zeros for none.
func mapped(a tcpip.Address) (v6 [16]byte) {
	switch a.Len() {
	case 16:
		v6 = a.As16()
	case 4:
		v4 := a.As4()
		copy(v6[:], v4MappedPrefix[:])
		copy(v6[v4MappedPrefixLen:], v4[:])
	}
	return v6
}

// unmapped is the address as one of IPv4, all zeros for none.
func unmapped(a tcpip.Address) (v4 [4]byte) {
	switch a.Len() {
	case 4:
		v4 = a.As4()
	case 16:
		if header.IsV4MappedAddress(a) {
			v6 := a.As16()
			copy(v4[:], v6[v4MappedPrefixLen:])
		}
	}
	return v4
}
