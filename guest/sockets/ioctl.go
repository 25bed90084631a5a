package sockets

import (
	"bytes"
	"encoding/binary"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

// Requests of ioctl that package syscall does not name.
const (
	ioctlBytesReadable = syscall.TIOCINQ  // FIONREAD
	ioctlBytesUnsent   = syscall.TIOCOUTQ // SIOCOUTQ
	ioctlNonblock      = 0x5421           // FIONBIO
)

// sizeofIfreq is the size of struct ifreq: a name and a union.
const (
	sizeofIfreq = 40
	ifNameSize  = 16
)

// ioctlSize is the size of what the argument of a request points to, 0 for a
// request that is unknown.
func ioctlSize(request uintptr) int {
	switch request {
	case ioctlBytesReadable, ioctlBytesUnsent, ioctlNonblock:
		return 4
	case syscall.SIOCGIFNAME, syscall.SIOCGIFINDEX, syscall.SIOCGIFFLAGS, syscall.SIOCGIFMTU,
		syscall.SIOCGIFHWADDR, syscall.SIOCGIFADDR, syscall.SIOCGIFNETMASK, syscall.SIOCGIFTXQLEN:
		return sizeofIfreq
	}
	return 0
}

// Ioctl answers a request; arg is the memory its argument points to, of the
// size that ioctlSize says. Requests of other devices fail with ENOTTY.
func (t *Table) Ioctl(fd int, request uintptr, arg []byte) syscall.Errno {
	d := t.at(fd)
	if d == nil {
		return syscall.EBADF
	}
	if n := ioctlSize(request); n == 0 {
		return syscall.ENOTTY
	} else if len(arg) < n {
		return syscall.EFAULT
	}
	switch request {
	case ioctlNonblock:
		d.nonblock.Store(binary.LittleEndian.Uint32(arg) != 0)
		return 0
	case ioctlBytesReadable, ioctlBytesUnsent:
		n, errno := d.queued(request == ioctlBytesUnsent)
		if n == 0 && errno == 0 && d.rearm(pollIn) {
			n, errno = d.queued(request == ioctlBytesUnsent)
		}
		if errno == 0 {
			binary.LittleEndian.PutUint32(arg, uint32(n))
		}
		return errno
	}
	return t.interfaceRequest(request, arg)
}

// interfaceRequest fills in struct ifreq.
func (t *Table) interfaceRequest(request uintptr, ifreq []byte) syscall.Errno {
	name, union := ifreq[:ifNameSize], ifreq[ifNameSize:sizeofIfreq]
	if request == syscall.SIOCGIFNAME {
		nic, ok := t.stack.NICInfo()[tcpip.NICID(int32(binary.LittleEndian.Uint32(union)))]
		if !ok {
			return syscall.ENODEV
		}
		clear(name)
		copy(name[:ifNameSize-1], nic.Name)
		return 0
	}
	id, nic := nicByName(t.stack, name)
	if id == 0 {
		return syscall.ENODEV
	}
	clear(union)
	switch request {
	case syscall.SIOCGIFINDEX:
		binary.LittleEndian.PutUint32(union, uint32(id))
	case syscall.SIOCGIFFLAGS:
		binary.LittleEndian.PutUint16(union, uint16(linkFlags(&nic)))
	case syscall.SIOCGIFMTU:
		binary.LittleEndian.PutUint32(union, nic.MTU)
	case syscall.SIOCGIFTXQLEN:
		binary.LittleEndian.PutUint32(union, txQueueLen)
	case syscall.SIOCGIFHWADDR:
		binary.LittleEndian.PutUint16(union, linkType(&nic))
		copy(union[2:], nic.LinkAddress)
	case syscall.SIOCGIFADDR, syscall.SIOCGIFNETMASK:
		a, err := t.stack.GetMainNICAddress(id, ipv4.ProtocolNumber)
		if err != nil || a.Address.Len() != 4 {
			return syscall.EADDRNOTAVAIL
		}
		v4 := a.Address.As4()
		if request == syscall.SIOCGIFNETMASK {
			binary.BigEndian.PutUint32(v4[:], ^uint32(0)<<(32-min(uint(a.PrefixLen), 32)))
		}
		binary.LittleEndian.PutUint16(union, syscall.AF_INET)
		copy(union[4:], v4[:])
	}
	return 0
}

// nicByName returns 0 when no interface has the name, which may end in NULs.
func nicByName(s *stack.Stack, name []byte) (tcpip.NICID, stack.NICInfo) {
	if i := bytes.IndexByte(name, 0); i >= 0 {
		name = name[:i]
	}
	for id, nic := range s.NICInfo() {
		if nic.Name == string(name) {
			return id, nic
		}
	}
	return 0, stack.NICInfo{}
}
