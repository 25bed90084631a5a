package sockets

import (
	"sync"
	"sync/atomic"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// inet is a socket of AF_INET or AF_INET6: an endpoint of the stack.
type inet struct {
	stack    *stack.Stack
	endpoint tcpip.Endpoint
	queue    *waiter.Queue

	family, typ, protocol int

	// wants is the control messages a receive delivers.
	wants  atomic.Uint32
	sealed atomic.Bool // shut down for sending

	mu   sync.Mutex
	kept map[optionID]int // options that are remembered and have no effect
}

// maxBacklog is net.core.somaxconn.
const maxBacklog = 4096

// Internet protocols beyond those in package syscall.
const (
	protocolICMPv6 = 58
	protocolMPTCP  = 262
)

func (t *Table) newInet(family, typ, protocol int) (socket, syscall.Errno) {
	s := &inet{stack: t.stack, queue: new(waiter.Queue), family: family, typ: typ}
	network, ping := tcpip.NetworkProtocolNumber(ipv4.ProtocolNumber), syscall.IPPROTO_ICMP
	if family == syscall.AF_INET6 {
		network, ping = ipv6.ProtocolNumber, protocolICMPv6
	}
	var number tcpip.TransportProtocolNumber
	switch typ {
	case syscall.SOCK_STREAM:
		if protocol == 0 {
			protocol = syscall.IPPROTO_TCP
		}
		if protocol != syscall.IPPROTO_TCP {
			return nil, syscall.EPROTONOSUPPORT // as without MPTCP and SCTP
		}
		number = tcp.ProtocolNumber
	case syscall.SOCK_DGRAM:
		if protocol == 0 {
			protocol = syscall.IPPROTO_UDP
		}
		switch {
		case protocol == syscall.IPPROTO_UDP:
			number = udp.ProtocolNumber
		case protocol == ping && family == syscall.AF_INET:
			number = icmp.ProtocolNumber4
		case protocol == ping:
			number = icmp.ProtocolNumber6
		default:
			return nil, syscall.EPROTONOSUPPORT
		}
	case syscall.SOCK_RAW:
		if protocol <= 0 || protocol > 255 {
			return nil, syscall.EPROTONOSUPPORT
		}
		number = tcpip.TransportProtocolNumber(protocol)
	default:
		return nil, syscall.ESOCKTNOSUPPORT
	}
	s.protocol = protocol
	var err tcpip.Error
	if typ == syscall.SOCK_RAW {
		s.endpoint, err = t.stack.NewRawEndpoint(number, network, s.queue, protocol != syscall.IPPROTO_RAW)
	} else {
		s.endpoint, err = t.stack.NewEndpoint(number, network, s.queue)
	}
	if err != nil {
		return nil, errnoOf(err)
	}
	if s.stream() {
		s.endpoint.SocketOptions().SetDelayOption(true) // until TCP_NODELAY
	}
	return s, 0
}

func (s *inet) kind() (int, int, int) { return s.family, s.typ, s.protocol }
func (s *inet) events() *waiter.Queue { return s.queue }
func (s *inet) close()                { s.endpoint.Close() }
func (s *inet) stream() bool          { return s.typ == syscall.SOCK_STREAM }

func (s *inet) readiness() uint32 {
	const all = pollIn | pollOut | pollErr | pollHup | pollRdHup
	return uint32(s.endpoint.Readiness(all)) & all
}

// addressLen is the least length of the socket's own addresses.
func (s *inet) addressLen() int {
	if s.family == syscall.AF_INET {
		return sizeofInet4
	}
	return sizeofInet6Short
}

// destination reads an address to connect or send to. Datagrams of AF_INET6
// also go to addresses of AF_INET.
func (s *inet) destination(b []byte) (tcpip.FullAddress, syscall.Errno) {
	family, errno := addressFamily(b)
	both := s.family == syscall.AF_INET6 && !s.stream()
	switch {
	case errno != 0:
		return tcpip.FullAddress{}, errno
	case both && family != syscall.AF_INET && family != syscall.AF_INET6:
		return tcpip.FullAddress{}, syscall.EINVAL
	case !both && len(b) < s.addressLen():
		return tcpip.FullAddress{}, syscall.EINVAL
	case !both && family != s.family:
		return tcpip.FullAddress{}, syscall.EAFNOSUPPORT
	}
	a, _, errno := parseInet(b)
	return a, errno
}

func (s *inet) bind(b []byte) syscall.Errno {
	family, errno := addressFamily(b)
	switch {
	case errno != 0:
		return errno
	case len(b) < s.addressLen():
		return syscall.EINVAL
	case family == syscall.AF_UNSPEC && s.family == syscall.AF_INET:
		// It stands for AF_INET if it names no address.
		if [4]byte(b[4:]) != [4]byte{} {
			return syscall.EAFNOSUPPORT
		}
		b = append([]byte{syscall.AF_INET, 0}, b[2:]...)
	case family != s.family:
		return syscall.EAFNOSUPPORT
	}
	a, _, errno := parseInet(b)
	if errno != 0 {
		return errno
	}
	if a.Addr.Unspecified() {
		a.Addr = tcpip.Address{}
	}
	return errnoOf(s.endpoint.Bind(a))
}

func (s *inet) connect(b []byte) syscall.Errno {
	family, errno := addressFamily(b)
	switch {
	case errno != 0:
		return errno
	case family == syscall.AF_UNSPEC:
		return errnoOf(s.endpoint.Disconnect())
	case s.listening():
		return syscall.EISCONN
	case family != s.family && s.endpoint.SocketOptions().GetV6Only():
		return syscall.EAFNOSUPPORT
	}
	a, errno := s.destination(b)
	switch {
	case errno != 0 && s.stream() && s.connected():
		return syscall.EISCONN
	case errno != 0:
		return errno
	case s.stream() && !s.connected() && a.Port == 0:
		return syscall.ECONNREFUSED
	case s.stream() && !s.connected() && isMulticast(a.Addr):
		return syscall.ENETUNREACH
	}
	return routeErrno(s.endpoint.Connect(a))
}

func isMulticast(a tcpip.Address) bool {
	return a == header.IPv4Broadcast || header.IsV4MulticastAddress(a) || header.IsV6MulticastAddress(a)
}

func (s *inet) listen(backlog int) syscall.Errno {
	if !s.stream() {
		return syscall.EOPNOTSUPP
	}
	if backlog < 0 || backlog > maxBacklog {
		backlog = maxBacklog
	}
	return errnoOf(s.endpoint.Listen(backlog + 1))
}

func (s *inet) accept(addr []byte) (socket, []byte, syscall.Errno) {
	if !s.stream() {
		return nil, nil, syscall.EOPNOTSUPP
	}
	var peer tcpip.FullAddress
	endpoint, queue, err := s.endpoint.Accept(&peer)
	if err != nil {
		return nil, nil, errnoOf(err)
	}
	n := &inet{
		stack: s.stack, endpoint: endpoint, queue: queue,
		family: s.family, typ: s.typ, protocol: s.protocol,
	}
	n.wants.Store(s.wants.Load())
	return n, appendInet(addr, s.family, peer), 0
}

func (s *inet) name(addr []byte, peer bool) ([]byte, syscall.Errno) {
	get := s.endpoint.GetLocalAddress
	if peer {
		get = s.endpoint.GetRemoteAddress
	}
	a, err := get()
	if err != nil {
		return nil, errnoOf(err)
	}
	return appendInet(addr, s.family, a), 0
}

func (s *inet) shutdown(how int) syscall.Errno {
	var flags tcpip.ShutdownFlags
	switch how {
	case syscall.SHUT_RD:
		flags = tcpip.ShutdownRead
	case syscall.SHUT_WR:
		flags = tcpip.ShutdownWrite
	case syscall.SHUT_RDWR:
		flags = tcpip.ShutdownRead | tcpip.ShutdownWrite
	default:
		return syscall.EINVAL
	}
	errno := errnoOf(s.endpoint.Shutdown(flags))
	if errno == 0 && flags&tcpip.ShutdownWrite != 0 {
		s.sealed.Store(true)
	}
	return errno
}

// fresh says whether the socket is neither bound nor connected.
func (s *inet) fresh() bool {
	state := s.endpoint.State()
	if s.stream() {
		return tcp.EndpointState(state) == tcp.StateInitial
	}
	return transport.DatagramEndpointState(state) == transport.DatagramEndpointStateInitial
}

// connected says whether the socket has a peer.
func (s *inet) connected() bool {
	_, err := s.endpoint.GetRemoteAddress()
	return err == nil
}

// listening says whether the socket is one that accepts.
func (s *inet) listening() bool {
	return s.stream() && tcp.EndpointState(s.endpoint.State()) == tcp.StateListen
}

func (s *inet) queued(unsent bool) (int, syscall.Errno) {
	if s.listening() {
		return 0, syscall.EINVAL
	}
	if unsent {
		return 0, 0 // the stack does not say
	}
	n, err := s.endpoint.GetSockOptInt(tcpip.ReceiveQueueSizeOption)
	return n, errnoOf(err)
}
