package sockets

import (
	"syscall"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// bound is a datagram socket at an address.
func (h *host) bound(t testing.TB, addr string) int {
	t.Helper()
	b := at(addr)
	fd := h.open(t, int(b[0]), syscall.SOCK_DGRAM, 0)
	must(t, h.Bind(fd, b))
	return fd
}

func (h *host) sendTo(t testing.TB, fd int, data, to string) {
	t.Helper()
	n, errno := h.Send(fd, &Message{Buffers: [][]byte{[]byte(data)}, Name: at(to)})
	if errno != 0 || n != len(data) {
		t.Fatal("send to", to, n, errno)
	}
}

func TestDatagrams(t *testing.T) {
	a, b := newHosts(t)
	for _, test := range []struct{ at, from, to, sees, answer string }{
		{"10.0.0.2:5000", "10.0.0.1:6000", "10.0.0.2:5000", "10.0.0.1:6000", "10.0.0.2:5000"},
		{"0.0.0.0:5000", "0.0.0.0:6000", "10.0.0.2:5000", "10.0.0.1:6000", "10.0.0.2:5000"},
		{"[::]:5000", "0.0.0.0:6000", "10.0.0.2:5000", "[::ffff:10.0.0.1]:6000", "10.0.0.2:5000"},
		{"[::]:5000", "[::]:6000", "[::ffff:10.0.0.2]:5000", "[::ffff:10.0.0.1]:6000", "[::ffff:10.0.0.2]:5000"},
		{"[::]:5000", "[::]:6000", "[fd00::2]:5000", "[fd00::1]:6000", "[fd00::2]:5000"},
		{"[::]:5000", "[::]:6000", "[fe80::2%net0]:5000", "[fe80::1%net0]:6000", "[fe80::2%net0]:5000"},
		{"[::ffff:10.0.0.2]:5000", "0.0.0.0:6000", "10.0.0.2:5000", "[::ffff:10.0.0.1]:6000", "10.0.0.2:5000"},
	} {
		s, c := b.bound(t, test.at), a.bound(t, test.from)
		a.sendTo(t, c, "question", test.to)
		buf := make([]byte, 100)
		m := &Message{Buffers: [][]byte{buf[:3], buf[3:]}, Name: make([]byte, maxAddress)}
		n, errno := b.receiveSome(t, s, m)
		if errno != 0 || string(buf[:n]) != "question" || text(m.Name[:m.NameLen]) != test.sees {
			t.Errorf("%s: %q from %s, %v", test.to, buf[:n], text(m.Name[:m.NameLen]), errno)
		}
		if _, errno := b.Send(s, &Message{Buffers: [][]byte{[]byte("ans"), []byte("wer")}, Name: m.Name[:m.NameLen]}); errno != 0 {
			t.Errorf("%s: %v", test.to, errno)
		}
		n, errno = a.receiveSome(t, c, m)
		if errno != 0 || string(buf[:n]) != "answer" || text(m.Name[:m.NameLen]) != test.answer {
			t.Errorf("%s: %q from %s, %v", test.to, buf[:n], text(m.Name[:m.NameLen]), errno)
		}
		a.Close(c)
		b.Close(s)
	}
}

func TestDatagramLengths(t *testing.T) {
	h := newHost(t)
	s, c := h.bound(t, "127.0.0.1:5000"), h.bound(t, "127.0.0.1:0")
	must(t, h.Connect(c, at("127.0.0.1:5000")))
	buf := make([]byte, 70000)
	for _, size := range []int{0, 1, 1500, 65507} {
		if n, errno := h.Write(c, buf[:size]); n != size || errno != 0 {
			t.Fatal(size, n, errno)
		}
		if size != 0 {
			if n, errno := h.Receive(s, &Message{Buffers: [][]byte{buf[:size/2]}, Flags: syscall.MSG_PEEK | syscall.MSG_TRUNC}); n != size || errno != 0 {
				t.Error("peek:", size, n, errno)
			}
		}
		m := &Message{Buffers: [][]byte{buf}}
		if n, errno := h.receiveSome(t, s, m); n != size || errno != 0 || m.OutFlags != 0 {
			t.Error(size, n, errno, m.OutFlags)
		}
	}
	if _, errno := h.Write(c, buf[:65508]); errno != syscall.EMSGSIZE {
		t.Error(errno)
	}
	for _, room := range [][]byte{nil, buf[:2]} {
		h.Write(c, []byte("long"))
		m := &Message{Buffers: [][]byte{room}}
		if n, errno := h.Receive(s, m); n != len(room) || errno != 0 || m.OutFlags != syscall.MSG_TRUNC {
			t.Error("cut off:", n, errno, m.OutFlags)
		}
	}
	if _, errno := h.Read(s, buf); errno != syscall.EAGAIN {
		t.Error(errno)
	}
	if _, errno := h.Write(s, buf[:1]); errno != syscall.EDESTADDRREQ {
		t.Error("no destination:", errno)
	}
	h.Close(s)
	// The next arrival at a connected socket is the news that nobody is there.
	h.Write(c, []byte("x"))
	if _, errno := h.receiveSome(t, c, &Message{Buffers: [][]byte{buf}}); errno != syscall.ECONNREFUSED {
		t.Error(errno)
	}
	must(t, h.Connect(c, []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}))
	if _, errno := h.Name(c, true, nil); errno != syscall.ENOTCONN {
		t.Error("after disconnecting:", errno)
	}
	h.Close(c)
}

func TestDatagramErrors(t *testing.T) {
	a, _ := newHosts(t)
	v4 := a.bound(t, "0.0.0.0:0")
	v6 := a.bound(t, "[::]:0")
	only := a.open(t, syscall.AF_INET6, syscall.SOCK_DGRAM, 0)
	must(t, a.SetOption(only, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, appendInt(nil, 1)))
	for _, test := range []struct {
		name  string
		fd    int
		to    []byte
		errno syscall.Errno
	}{
		{"family", v4, at("[::1]:1"), syscall.EAFNOSUPPORT},
		{"AF_INET at AF_INET6", v6, at("10.0.0.2:1"), 0},
		{"v6only", only, at("[::ffff:10.0.0.2]:1"), syscall.ENETUNREACH},
		{"short", v4, at("10.0.0.2:1")[:15], syscall.EINVAL},
		{"empty family", v4, []byte{0}, syscall.EINVAL},
		{"unknown family", v4, append([]byte{77, 0}, make([]byte, 14)...), syscall.EAFNOSUPPORT},
		{"unknown family, short", v4, []byte{77, 0, 1, 2}, syscall.EINVAL},
		{"unknown family at AF_INET6", v6, append([]byte{77, 0}, make([]byte, 26)...), syscall.EINVAL},
		{"port 0", v4, at("10.0.0.2:0"), syscall.EINVAL},
		{"no route", v4, at("192.0.2.1:1"), syscall.ENETUNREACH},
		{"broadcast", v4, at("10.0.0.255:1"), syscall.EACCES},
	} {
		_, errno := a.Send(test.fd, &Message{Buffers: [][]byte{{1}}, Name: test.to})
		if errno != test.errno {
			t.Errorf("%s: %v, not %v", test.name, errno, test.errno)
		}
	}
	must(t, a.SetOption(v4, syscall.SOL_SOCKET, syscall.SO_BROADCAST, appendInt(nil, 1)))
	a.sendTo(t, v4, "x", "10.0.0.255:1")
	for _, fd := range []int{v4, v6, only} {
		must(t, a.Close(fd))
	}
}

func TestMulticast(t *testing.T) {
	a, b := newHosts(t)
	s := b.bound(t, "0.0.0.0:5353")
	group := []byte{224, 0, 0, 251, 10, 0, 0, 2}
	must(t, b.SetOption(s, syscall.IPPROTO_IP, syscall.IP_ADD_MEMBERSHIP, group))
	if errno := b.SetOption(s, syscall.IPPROTO_IP, syscall.IP_ADD_MEMBERSHIP, group); errno != syscall.EADDRINUSE {
		t.Error("joining twice:", errno)
	}
	c := a.open(t, syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	must(t, a.SetOption(c, syscall.IPPROTO_IP, syscall.IP_MULTICAST_IF, []byte{0, 0, 0, 0, 0, 0, 0, 0, wireNIC, 0, 0, 0}))
	a.sendTo(t, c, "x", "224.0.0.251:5353")
	buf := make([]byte, 9)
	if n, errno := b.receiveSome(t, s, &Message{Buffers: [][]byte{buf}}); n != 1 || errno != 0 {
		t.Error(n, errno)
	}
	must(t, b.SetOption(s, syscall.IPPROTO_IP, syscall.IP_DROP_MEMBERSHIP, group))
	if errno := b.SetOption(s, syscall.IPPROTO_IP, syscall.IP_DROP_MEMBERSHIP, group); errno != syscall.EADDRNOTAVAIL {
		t.Error("leaving twice:", errno)
	}
	// By struct group_req, as x/net does it, for both families.
	request := make([]byte, 136)
	request[0] = wireNIC
	copy(request[8:], at("224.0.0.251:0"))
	must(t, b.SetOption(s, syscall.IPPROTO_IP, mcastJoinGroup, request))
	must(t, b.SetOption(s, syscall.IPPROTO_IP, mcastLeaveGroup, request))

	s6 := b.bound(t, "[::]:5354")
	copy(request[8:], at("[ff02::fb]:0"))
	must(t, b.SetOption(s6, syscall.IPPROTO_IPV6, mcastJoinGroup, request))
	c6 := a.open(t, syscall.AF_INET6, syscall.SOCK_DGRAM, 0)
	must(t, a.SetOption(c6, syscall.IPPROTO_IPV6, syscall.IPV6_MULTICAST_IF, appendInt(nil, wireNIC)))
	a.sendTo(t, c6, "y", "[ff02::fb%net0]:5354")
	if n, errno := b.receiveSome(t, s6, &Message{Buffers: [][]byte{buf}}); n != 1 || errno != 0 {
		t.Error(n, errno)
	}
	stream := a.open(t, syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if errno := a.SetOption(stream, syscall.IPPROTO_IP, syscall.IP_ADD_MEMBERSHIP, group); errno != syscall.EPROTO {
		t.Error(errno)
	}
	a.Close(stream)
	a.Close(c)
	a.Close(c6)
	b.Close(s)
	b.Close(s6)
}

// TestPing uses both kinds of sockets that pings are made of.
func TestPing(t *testing.T) {
	a, _ := newHosts(t)
	echo := func(typ byte) []byte { return []byte{typ, 0, 0, 0, 0, 0, 0, 1, 'h', 'i'} }
	buf := make([]byte, 100)
	for _, test := range []struct {
		to             string
		protocol       int
		request, reply byte
	}{
		{"10.0.0.2:0", syscall.IPPROTO_ICMP, byte(header.ICMPv4Echo), byte(header.ICMPv4EchoReply)},
		{"[fd00::2]:0", protocolICMPv6, byte(header.ICMPv6EchoRequest), byte(header.ICMPv6EchoReply)},
	} {
		fd := a.open(t, int(at(test.to)[0]), syscall.SOCK_DGRAM, test.protocol)
		a.sendTo(t, fd, string(echo(test.request)), test.to)
		n, errno := a.receiveSome(t, fd, &Message{Buffers: [][]byte{buf}})
		if errno != 0 || n != 10 || buf[0] != test.reply || string(buf[8:n]) != "hi" {
			t.Errorf("%s: %v, %v", test.to, buf[:n], errno)
		}
		must(t, a.Close(fd))
	}
	fd := a.open(t, syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_ICMP)
	packet := header.ICMPv4(echo(byte(header.ICMPv4Echo)))
	packet.SetChecksum(header.ICMPv4Checksum(packet, 0))
	a.sendTo(t, fd, string(packet), "10.0.0.2:0")
	n, errno := a.receiveSome(t, fd, &Message{Buffers: [][]byte{buf}})
	if h := header.IPv4(buf[:n]); errno != 0 || !h.IsValid(n) || h.SourceAddress() != tcpip.AddrFrom4([4]byte{10, 0, 0, 2}) || h.Payload()[0] != byte(header.ICMPv4EchoReply) {
		t.Errorf("raw: %v, %v", buf[:n], errno)
	}
	must(t, a.Close(fd))
}
