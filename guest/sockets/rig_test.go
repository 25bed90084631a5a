package sockets

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/ethernet"
	"gvisor.dev/gvisor/pkg/tcpip/link/loopback"
	"gvisor.dev/gvisor/pkg/tcpip/link/pipe"
	"gvisor.dev/gvisor/pkg/tcpip/network/arp"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/icmp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/raw"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/tcpip/transport/udp"
)

// fakeKernel hands out descriptors and keeps the edges reported for them, like
// an epoll set in edge-triggered mode.
type fakeKernel struct {
	mu     sync.Mutex
	change *sync.Cond
	open   map[int]bool
	edges  map[int]uint32 // reported and not yet taken
	count  map[int]int    // how many reports
	limit  int
}

func newFakeKernel() *fakeKernel {
	k := &fakeKernel{open: map[int]bool{}, edges: map[int]uint32{}, count: map[int]int{}, limit: 1 << 16}
	k.change = sync.NewCond(&k.mu)
	return k
}

func (k *fakeKernel) Open() (int, syscall.Errno) { return k.Dup(-1, 3) }

func (k *fakeKernel) Dup(_, atLeast int) (int, syscall.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for fd := atLeast; fd < k.limit; fd++ {
		if !k.open[fd] {
			k.open[fd] = true
			return fd, 0
		}
	}
	return -1, syscall.EMFILE
}

func (k *fakeKernel) Close(fd int) syscall.Errno {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.open[fd] {
		return syscall.EBADF
	}
	delete(k.open, fd)
	delete(k.edges, fd)
	delete(k.count, fd)
	return 0
}

func (k *fakeKernel) Ready(fd int, events uint32) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.open[fd] {
		panic("an edge for a descriptor that is closed")
	}
	k.edges[fd] |= events
	k.count[fd]++
	k.change.Broadcast()
}

// wait takes the edges of a descriptor once one of those wanted has come.
func (k *fakeKernel) wait(t testing.TB, fd int, wanted uint32) uint32 {
	t.Helper()
	late := time.AfterFunc(30*time.Second, func() {
		k.mu.Lock()
		k.edges[fd] |= 1 << 31
		k.change.Broadcast()
		k.mu.Unlock()
	})
	defer late.Stop()
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.edges[fd]&(wanted|pollErr|pollHup|1<<31) == 0 {
		k.change.Wait()
	}
	got := k.edges[fd]
	k.edges[fd] &^= wanted // errors stay, and what another goroutine waits for
	if got>>31 != 0 {
		t.Fatalf("descriptor %d: no edge in %#x", fd, wanted)
	}
	return got
}

func (k *fakeKernel) reports(fd int) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.count[fd]
}

func (k *fakeKernel) descriptors() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.open)
}

// host is a stack with its sockets.
type host struct {
	*Table
	kernel *fakeKernel
	stack  *stack.Stack
}

const (
	loopbackNIC = 1
	wireNIC     = 2
)

func newHost(t testing.TB) *host {
	t.Helper()
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol, arp.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol, udp.NewProtocol, icmp.NewProtocol4, icmp.NewProtocol6},
		RawFactory:         raw.EndpointFactory{},
		HandleLocal:        true,
	})
	t.Cleanup(func() {
		s.Close()
		s.Wait()
	})
	if err := s.CreateNICWithOptions(loopbackNIC, loopback.New(), stack.NICOptions{Name: "lo"}); err != nil {
		t.Fatal(err)
	}
	h := &host{kernel: newFakeKernel(), stack: s}
	h.Table = New(s, h.kernel)
	h.address(t, loopbackNIC, "127.0.0.1/8")
	h.address(t, loopbackNIC, "::1/128")
	s.SetRouteTable([]tcpip.Route{
		{Destination: subnet("127.0.0.0/8"), NIC: loopbackNIC},
		{Destination: subnet("::1/128"), NIC: loopbackNIC},
	})
	return h
}

// newHosts returns two hosts on a cable: 10.0.0.1 and 10.0.0.2, fd00::1 and
// fd00::2, fe80::1 and fe80::2.
func newHosts(t testing.TB) (a, b *host) {
	t.Helper()
	x, y := pipe.New("\x02\x00\x00\x00\x00\x01", "\x02\x00\x00\x00\x00\x02", 1514)
	hosts := [2]*host{newHost(t), newHost(t)}
	for i, link := range []stack.LinkEndpoint{x, y} {
		h := hosts[i]
		if err := h.stack.CreateNICWithOptions(wireNIC, ethernet.New(link), stack.NICOptions{Name: "net0"}); err != nil {
			t.Fatal(err)
		}
		n := string(rune('1' + i))
		h.address(t, wireNIC, "10.0.0."+n+"/24")
		h.address(t, wireNIC, "fd00::"+n+"/64")
		h.address(t, wireNIC, "fe80::"+n+"/64")
		for _, r := range []string{"10.0.0.0/24", "fd00::/64", "fe80::/64", "224.0.0.0/4", "ff00::/8"} {
			h.stack.AddRoute(tcpip.Route{Destination: subnet(r), NIC: wireNIC})
		}
	}
	return hosts[0], hosts[1]
}

func subnet(s string) tcpip.Subnet {
	p := netip.MustParsePrefix(s)
	a := tcpip.AddressWithPrefix{Address: tcpip.AddrFromSlice(p.Addr().AsSlice()), PrefixLen: p.Bits()}
	return a.Subnet()
}

func (h *host) address(t testing.TB, nic tcpip.NICID, prefix string) {
	t.Helper()
	p := netip.MustParsePrefix(prefix)
	protocol := tcpip.NetworkProtocolNumber(header.IPv4ProtocolNumber)
	if p.Addr().Is6() {
		protocol = header.IPv6ProtocolNumber
	}
	err := h.stack.AddProtocolAddress(nic, tcpip.ProtocolAddress{
		Protocol: protocol,
		AddressWithPrefix: tcpip.AddressWithPrefix{
			Address: tcpip.AddrFromSlice(p.Addr().AsSlice()), PrefixLen: p.Bits(),
		},
	}, stack.AddressProperties{})
	if err != nil {
		t.Fatal(err)
	}
}

// at is a struct sockaddr of "address:port", with the interface as the zone.
func at(s string) []byte {
	a := netip.MustParseAddrPort(s)
	scope := uint32(0)
	if a.Addr().Zone() == "net0" {
		scope = wireNIC
	}
	if a.Addr().Is4() {
		return appendInet(nil, syscall.AF_INET, tcpip.FullAddress{Addr: tcpip.AddrFrom4(a.Addr().As4()), Port: a.Port()})
	}
	b := []byte{syscall.AF_INET6, 0}
	b = binary.BigEndian.AppendUint16(b, a.Port())
	b = append(b, 0, 0, 0, 0)
	v6 := a.Addr().As16()
	b = append(b, v6[:]...)
	return binary.LittleEndian.AppendUint32(b, scope)
}

// text is the reverse of at.
func text(b []byte) string {
	if len(b) < 2 {
		return "none"
	}
	port := binary.BigEndian.Uint16(b[2:])
	if b[0] == syscall.AF_INET {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), port).String()
	}
	a := netip.AddrFrom16([16]byte(b[8:24]))
	if scope := binary.LittleEndian.Uint32(b[24:]); scope == wireNIC {
		a = a.WithZone("net0")
	}
	return netip.AddrPortFrom(a, port).String()
}

// must stops the test unless a call succeeded.
func must(t testing.TB, errno syscall.Errno) {
	t.Helper()
	if errno != 0 {
		t.Fatal(errno)
	}
}

// socket opens a non-blocking socket; blocking with flag 0.
func (h *host) open(t testing.TB, domain, typ, protocol int) int {
	t.Helper()
	fd, errno := h.Socket(domain, typ|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, protocol)
	must(t, errno)
	return fd
}

func (h *host) local(t testing.TB, fd int) []byte {
	t.Helper()
	a, errno := h.Name(fd, false, nil)
	must(t, errno)
	return a
}

// listener returns a listening stream and its address.
func (h *host) listener(t testing.TB, addr string) (int, []byte) {
	t.Helper()
	domain := syscall.AF_INET
	if netip.MustParseAddrPort(addr).Addr().Is6() {
		domain = syscall.AF_INET6
	}
	fd := h.open(t, domain, syscall.SOCK_STREAM, 0)
	must(t, h.Bind(fd, at(addr)))
	must(t, h.Listen(fd, 128))
	return fd, h.local(t, fd)
}

// dial connects like package net: start, wait for the edge, ask for the error.
func (h *host) dial(t testing.TB, addr []byte) (int, syscall.Errno) {
	t.Helper()
	fd := h.open(t, int(addr[0]), syscall.SOCK_STREAM, 0)
	switch errno := h.Connect(fd, addr); errno {
	case 0:
		return fd, 0
	case syscall.EINPROGRESS:
	default:
		return fd, errno
	}
	for {
		h.kernel.wait(t, fd, pollOut)
		v, errno := h.Option(fd, syscall.SOL_SOCKET, syscall.SO_ERROR, nil)
		must(t, errno)
		if e := binary.LittleEndian.Uint32(v); e != 0 {
			return fd, syscall.Errno(e)
		}
		if _, errno := h.Name(fd, true, nil); errno == 0 {
			return fd, 0
		}
	}
}

// acceptOne accepts like package net.
func (h *host) acceptOne(t testing.TB, listener int) (int, []byte) {
	t.Helper()
	for {
		fd, peer, errno := h.Accept(listener, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, nil)
		if errno != syscall.EAGAIN {
			must(t, errno)
			return fd, peer
		}
		h.kernel.wait(t, listener, pollIn)
	}
}

// readAll and writeAll move data like package net.
func (h *host) readSome(t testing.TB, fd int, p []byte) (int, syscall.Errno) {
	t.Helper()
	for {
		n, errno := h.Read(fd, p)
		if errno != syscall.EAGAIN {
			return n, errno
		}
		h.kernel.wait(t, fd, pollIn)
	}
}

func (h *host) writeAll(t testing.TB, fd int, p []byte) syscall.Errno {
	t.Helper()
	for len(p) != 0 {
		n, errno := h.Write(fd, p)
		switch errno {
		case 0:
			p = p[n:]
		case syscall.EAGAIN:
			h.kernel.wait(t, fd, pollOut)
		default:
			return errno
		}
	}
	return 0
}

// receive waits for a datagram.
func (h *host) receiveSome(t testing.TB, fd int, m *Message) (int, syscall.Errno) {
	t.Helper()
	for {
		n, errno := h.Receive(fd, m)
		if errno != syscall.EAGAIN {
			return n, errno
		}
		h.kernel.wait(t, fd, pollIn)
	}
}

// settle waits until a condition of the stack holds.
func settle(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("not after 20 s: %s", what)
		}
		runtime.Gosched()
		time.Sleep(time.Millisecond)
	}
}
