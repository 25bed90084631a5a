package sockets

import (
	"bytes"
	"encoding/binary"
	"slices"
	"syscall"
	"testing"
)

// TestOptions sets options and reads them back. A set of -1 errno means that it
// must succeed.
func TestOptions(t *testing.T) {
	a, _ := newHosts(t)
	const (
		sol, v4, v6, tcp  = syscall.SOL_SOCKET, syscall.IPPROTO_IP, syscall.IPPROTO_IPV6, syscall.IPPROTO_TCP
		inet, inet6, unix = syscall.AF_INET, syscall.AF_INET6, syscall.AF_UNIX
		stream, dgram     = syscall.SOCK_STREAM, syscall.SOCK_DGRAM
		noopt, invalid    = syscall.ENOPROTOOPT, syscall.EINVAL
	)
	for _, test := range []struct {
		domain, typ int
		level, name int
		initial     int // -1: not looked at
		set         int
		errno       syscall.Errno
		want        int
	}{
		{inet, stream, sol, syscall.SO_REUSEADDR, 0, 1, 0, 1},
		{inet, stream, sol, syscall.SO_REUSEADDR, 0, 7, 0, 1},
		{inet6, dgram, sol, soReusePort, 0, 1, 0, 1},
		{inet, dgram, sol, syscall.SO_BROADCAST, 0, 1, 0, 1},
		{inet, stream, sol, syscall.SO_KEEPALIVE, 0, 1, 0, 1},
		{inet, stream, sol, syscall.SO_TYPE, stream, 1, noopt, stream},
		{inet6, dgram, sol, syscall.SO_DOMAIN, inet6, 1, noopt, inet6},
		{inet6, dgram, sol, syscall.SO_PROTOCOL, syscall.IPPROTO_UDP, 1, noopt, syscall.IPPROTO_UDP},
		{unix, stream, sol, syscall.SO_DOMAIN, unix, 1, noopt, unix},
		{inet, stream, sol, syscall.SO_ERROR, 0, 1, noopt, 0},
		{inet, stream, sol, syscall.SO_ACCEPTCONN, 0, 1, noopt, 0},
		{inet, stream, sol, syscall.SO_RCVBUF, -1, 50000, 0, 100000},
		{inet, stream, sol, syscall.SO_SNDBUF, -1, 50000, 0, 100000},
		{inet, dgram, sol, syscall.SO_RCVBUF, -1, 50000, 0, 100000},
		{inet, dgram, sol, syscall.SO_SNDBUF, -1, 50000, 0, 100000},
		{inet, dgram, sol, syscall.SO_PRIORITY, 0, 3, 0, 3},
		{inet, dgram, sol, syscall.SO_MARK, 0, 3, 0, 3},
		{inet, dgram, sol, syscall.SO_RCVLOWAT, 1, 1, 0, 1},
		{inet, dgram, sol, syscall.SO_TIMESTAMP, 0, 1, 0, 1},
		{inet, dgram, sol, syscall.SO_TIMESTAMPNS, 0, 1, 0, 1},
		{inet, dgram, sol, soBindToIfindex, 0, wireNIC, 0, wireNIC},
		{inet, dgram, sol, soBindToIfindex, 0, 99, syscall.ENODEV, 0},
		{inet, stream, sol, 999, -1, 1, noopt, -1},

		{inet, dgram, v4, syscall.IP_TTL, 64, 9, 0, 9},
		{inet, stream, v4, syscall.IP_TTL, 64, 0, invalid, 64},
		{inet, stream, v4, syscall.IP_TTL, 64, 256, invalid, 64},
		{inet, stream, v4, syscall.IP_TTL, 64, -1, 0, 64},
		{inet, dgram, v4, syscall.IP_TOS, 0, 0x10, 0, 0x10},
		{inet6, dgram, v4, syscall.IP_TOS, 0, 0x10, 0, 0x10},
		{inet, dgram, v4, syscall.IP_MULTICAST_TTL, 1, 8, 0, 8},
		{inet, dgram, v4, syscall.IP_MULTICAST_TTL, 1, -1, 0, 1},
		{inet, dgram, v4, syscall.IP_MULTICAST_TTL, 1, 256, invalid, 1},
		{inet, dgram, v4, syscall.IP_MULTICAST_LOOP, 1, 0, 0, 0},
		{inet, dgram, v4, ipMulticastAll, 1, 0, 0, 0},
		{inet, dgram, v4, syscall.IP_PKTINFO, 0, 1, 0, 1},
		{inet, dgram, v4, syscall.IP_RECVTTL, 0, 1, 0, 1},
		{inet, dgram, v4, syscall.IP_RECVTOS, 0, 1, 0, 1},
		{inet, dgram, v4, syscall.IP_RECVERR, 0, 1, 0, 1},
		{inet, dgram, v4, syscall.IP_MTU_DISCOVER, -1, 2, 0, 2},
		{inet, dgram, v4, syscall.IP_MTU_DISCOVER, -1, 9, invalid, -1},
		{inet, dgram, v4, syscall.IP_HDRINCL, -1, 1, noopt, -1},
		{inet, dgram, v4, syscall.IP_TRANSPARENT, -1, 1, noopt, -1},
		{inet, dgram, v6, syscall.IPV6_V6ONLY, -1, 1, noopt, -1},

		{inet6, stream, v6, syscall.IPV6_V6ONLY, 0, 1, 0, 1},
		{inet6, dgram, v6, syscall.IPV6_UNICAST_HOPS, 64, 9, 0, 9},
		{inet6, dgram, v6, syscall.IPV6_UNICAST_HOPS, 64, -1, 0, 64},
		{inet6, dgram, v6, syscall.IPV6_UNICAST_HOPS, 64, 256, invalid, 64},
		{inet6, dgram, v6, syscall.IPV6_TCLASS, 0, 0x20, 0, 0x20},
		{inet6, dgram, v6, syscall.IPV6_TCLASS, 0, -1, 0, 0},
		{inet6, dgram, v6, syscall.IPV6_MULTICAST_HOPS, 1, 8, 0, 8},
		{inet6, dgram, v6, syscall.IPV6_MULTICAST_LOOP, 1, 0, 0, 0},
		{inet6, dgram, v6, syscall.IPV6_MULTICAST_IF, 0, wireNIC, 0, wireNIC},
		{inet6, dgram, v6, syscall.IPV6_MULTICAST_IF, 0, 77, syscall.ENODEV, 0},
		{inet6, dgram, v6, syscall.IPV6_RECVPKTINFO, 0, 1, 0, 1},
		{inet6, dgram, v6, syscall.IPV6_RECVHOPLIMIT, 0, 1, 0, 1},
		{inet6, dgram, v6, syscall.IPV6_RECVTCLASS, 0, 1, 0, 1},
		{inet6, dgram, v6, ipv6AutoFlowLabel, 1, 0, 0, 0},

		{inet, stream, tcp, syscall.TCP_NODELAY, 0, 1, 0, 1},
		{inet, stream, tcp, syscall.TCP_CORK, 0, 1, 0, 1},
		{inet, stream, tcp, syscall.TCP_QUICKACK, 1, 0, 0, 0},
		{inet, stream, tcp, syscall.TCP_KEEPIDLE, 7200, 15, 0, 15},
		{inet, stream, tcp, syscall.TCP_KEEPIDLE, 7200, 0, invalid, 7200},
		{inet, stream, tcp, syscall.TCP_KEEPINTVL, 75, 15, 0, 15},
		{inet, stream, tcp, syscall.TCP_KEEPINTVL, 75, 32768, invalid, 75},
		{inet, stream, tcp, syscall.TCP_KEEPCNT, 9, 3, 0, 3},
		{inet, stream, tcp, syscall.TCP_KEEPCNT, 9, 128, invalid, 9},
		{inet, stream, tcp, tcpUserTimeout, 0, 1500, 0, 1500},
		{inet, stream, tcp, tcpUserTimeout, 0, -1, invalid, 0},
		{inet, stream, tcp, syscall.TCP_DEFER_ACCEPT, 0, 5, 0, 5},
		{inet, stream, tcp, syscall.TCP_LINGER2, 60, 5, 0, 5},
		{inet, stream, tcp, syscall.TCP_SYNCNT, 6, 3, 0, 3},
		{inet, stream, tcp, syscall.TCP_MAXSEG, -1, 1000, 0, 1000},
		{inet, stream, tcp, tcpNotSentLowat, 0, 9, 0, 9},
		{inet, stream, tcp, 23, -1, 5, noopt, -1}, // TCP_FASTOPEN
		{inet, stream, tcp, 31, -1, 1, noopt, -1}, // TCP_ULP
		{inet, dgram, tcp, syscall.TCP_NODELAY, -1, 1, noopt, -1},
		{inet, dgram, syscall.IPPROTO_UDP, 103, -1, 1200, noopt, -1}, // UDP_SEGMENT
		{unix, stream, sol, syscall.SO_PASSCRED, 0, 1, 0, 1},
		{unix, stream, tcp, syscall.TCP_NODELAY, -1, 1, syscall.EOPNOTSUPP, -1},
	} {
		fd := a.open(t, test.domain, test.typ, 0)
		check := func(what string, want int) {
			v, errno := a.Option(fd, test.level, test.name, nil)
			if errno != 0 || int(int32(binary.LittleEndian.Uint32(v))) != want {
				t.Errorf("%+v: %s %v, %v", test, what, v, errno)
			}
		}
		if test.initial >= 0 {
			check("initially", test.initial)
		}
		if errno := a.SetOption(fd, test.level, test.name, appendInt(nil, test.set)); errno != test.errno {
			t.Errorf("%+v: %v", test, errno)
		}
		if test.want >= 0 {
			check("then", test.want)
		} else if _, errno := a.Option(fd, test.level, test.name, nil); test.errno == noopt && errno != noopt && errno != syscall.EOPNOTSUPP {
			t.Errorf("%+v: read gives %v", test, errno)
		}
		for n := range 4 {
			errno := a.SetOption(fd, test.level, test.name, make([]byte, n))
			if test.errno == 0 && errno != invalid && !(n > 0 && test.level == v4) {
				t.Errorf("%+v: %d bytes give %v", test, n, errno)
			}
		}
		must(t, a.Close(fd))
	}
}

func TestStructOptions(t *testing.T) {
	a, b := newHosts(t)
	fd := a.open(t, syscall.AF_INET, syscall.SOCK_STREAM, 0)
	for _, test := range []struct {
		level, name int
		set         []byte
		errno       syscall.Errno
		want        []byte
	}{
		{syscall.SOL_SOCKET, syscall.SO_LINGER, []byte{1, 0, 0, 0, 7, 0, 0, 0}, 0, []byte{1, 0, 0, 0, 7, 0, 0, 0}},
		{syscall.SOL_SOCKET, syscall.SO_LINGER, []byte{1, 0, 0, 0}, syscall.EINVAL, []byte{1, 0, 0, 0, 7, 0, 0, 0}},
		{syscall.SOL_SOCKET, syscall.SO_LINGER, []byte{0, 0, 0, 0, 0, 0, 0, 0}, 0, []byte{0, 0, 0, 0, 0, 0, 0, 0}},
		{syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, appendTimeval(nil, 1500e6), 0, appendTimeval(nil, 1500e6)},
		{syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, appendTimeval(nil, 2500e6), 0, appendTimeval(nil, 2500e6)},
		{syscall.SOL_SOCKET, syscall.SO_SNDTIMEO, bytes.Repeat([]byte{255}, 16), syscall.EDOM, appendTimeval(nil, 2500e6)},
		{syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, []byte("net0"), 0, []byte("net0\x00")},
		{syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, []byte("net9\x00"), syscall.ENODEV, []byte("net0\x00")},
		{syscall.SOL_SOCKET, syscall.SO_BINDTODEVICE, []byte{0}, 0, nil},
		{syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, []byte("cubic"), 0, []byte("cubic\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
		{syscall.IPPROTO_TCP, syscall.TCP_CONGESTION, []byte("bbr"), syscall.ENOENT, []byte("cubic\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
		{syscall.IPPROTO_IP, syscall.IP_MULTICAST_IF, nil, syscall.ENOPROTOOPT, nil},
	} {
		if errno := a.SetOption(fd, test.level, test.name, test.set); errno != test.errno {
			t.Errorf("%+v: %v", test, errno)
		}
		if got, errno := a.Option(fd, test.level, test.name, nil); errno == 0 && !bytes.Equal(got, test.want) {
			t.Errorf("%+v: %v", test, got)
		}
	}
	must(t, a.Close(fd))

	c, s := connection(t, a, b, "10.0.0.2:0")
	must(t, a.writeAll(t, c, make([]byte, 1000)))
	if n, errno := b.readSome(t, s, make([]byte, 1000)); n != 1000 || errno != 0 {
		t.Fatal(n, errno)
	}
	info, errno := a.Option(c, syscall.IPPROTO_TCP, syscall.TCP_INFO, nil)
	if errno != 0 || len(info) != sizeofTCPInfo || info[0] != 1 || binary.LittleEndian.Uint32(info[80:]) == 0 {
		t.Errorf("TCP_INFO: %v, %v", info, errno)
	}
	mtu, errno := a.Option(c, syscall.IPPROTO_IP, syscall.IP_MTU, nil)
	if errno != 0 || binary.LittleEndian.Uint32(mtu) != 1500 {
		t.Errorf("IP_MTU: %v, %v", mtu, errno)
	}
	if errno := a.SetOption(c, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, appendInt(nil, 1)); errno != syscall.ENOPROTOOPT {
		t.Error(errno)
	}
	a.Close(c)
	b.Close(s)
}

func TestV6OnlyAfterBind(t *testing.T) {
	h := newHost(t)
	for _, typ := range []int{syscall.SOCK_STREAM, syscall.SOCK_DGRAM} {
		fd := h.open(t, syscall.AF_INET6, typ, 0)
		must(t, h.Bind(fd, at("[::]:0")))
		if errno := h.SetOption(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, appendInt(nil, 1)); errno != syscall.EINVAL {
			t.Error(typ, errno)
		}
		h.Close(fd)
	}
}

func TestBind(t *testing.T) {
	a, _ := newHosts(t)
	for _, test := range []struct {
		domain int
		addr   []byte
		errno  syscall.Errno
		want   string
	}{
		{syscall.AF_INET, at("0.0.0.0:5000"), 0, "0.0.0.0:5000"},
		{syscall.AF_INET, at("10.0.0.1:80"), 0, "10.0.0.1:80"},
		{syscall.AF_INET, at("127.0.0.2:80"), 0, "127.0.0.2:80"},
		{syscall.AF_INET, at("10.0.0.9:80"), syscall.EADDRNOTAVAIL, ""},
		{syscall.AF_INET, at("[::1]:80"), syscall.EAFNOSUPPORT, ""},
		{syscall.AF_INET, at("10.0.0.1:80")[:15], syscall.EINVAL, ""},
		{syscall.AF_INET, slices.Concat([]byte{0, 0}, at("0.0.0.0:5001")[2:]), 0, "0.0.0.0:5001"},
		{syscall.AF_INET, slices.Concat([]byte{0, 0}, at("10.0.0.1:5001")[2:]), syscall.EAFNOSUPPORT, ""},
		{syscall.AF_INET, []byte{0, 0, 0}, syscall.EINVAL, ""},
		{syscall.AF_INET, at("[::]:5001")[:19], syscall.EAFNOSUPPORT, ""},
		{syscall.AF_INET6, at("[::]:5000"), 0, "[::]:5000"},
		{syscall.AF_INET6, at("[::ffff:10.0.0.1]:5000"), 0, "[::ffff:10.0.0.1]:5000"},
		{syscall.AF_INET6, at("[fe80::1%net0]:5000"), 0, "[fe80::1%net0]:5000"},
		{syscall.AF_INET6, at("10.0.0.1:80"), syscall.EINVAL, ""},
		{syscall.AF_INET6, at("[2001:db8::9]:80"), syscall.EADDRNOTAVAIL, ""},
		{syscall.AF_INET6, at("[::]:5000")[:24], 0, "[::]:5000"},
		{syscall.AF_INET6, at("[::]:5000")[:23], syscall.EINVAL, ""},
	} {
		for _, typ := range []int{syscall.SOCK_STREAM, syscall.SOCK_DGRAM} {
			fd := a.open(t, test.domain, typ, 0)
			if errno := a.Bind(fd, test.addr); errno != test.errno {
				t.Errorf("%v: %v, not %v", test.addr, errno, test.errno)
			} else if errno == 0 {
				if got := text(a.local(t, fd)); got != test.want {
					t.Errorf("%s, not %s", got, test.want)
				}
				if errno := a.Bind(fd, test.addr); errno != syscall.EINVAL {
					t.Errorf("bound twice: %v", errno)
				}
				other := a.open(t, test.domain, typ, 0)
				if errno := a.Bind(other, test.addr); errno != syscall.EADDRINUSE {
					t.Errorf("in use: %v", errno)
				}
				a.Close(other)
			}
			a.Close(fd)
		}
	}
}

func TestSocketKinds(t *testing.T) {
	h := newHost(t)
	for _, test := range []struct {
		domain, typ, protocol int
		errno                 syscall.Errno
	}{
		{syscall.AF_INET, syscall.SOCK_STREAM, syscall.IPPROTO_TCP, 0},
		{syscall.AF_INET6, syscall.SOCK_DGRAM, syscall.IPPROTO_UDP, 0},
		{syscall.AF_INET, syscall.SOCK_STREAM, protocolMPTCP, syscall.EPROTONOSUPPORT},
		{syscall.AF_INET, syscall.SOCK_STREAM, syscall.IPPROTO_UDP, syscall.EPROTONOSUPPORT},
		{syscall.AF_INET, syscall.SOCK_DGRAM, protocolICMPv6, syscall.EPROTONOSUPPORT},
		{syscall.AF_INET, syscall.SOCK_SEQPACKET, 132, syscall.ESOCKTNOSUPPORT},
		{syscall.AF_INET, syscall.SOCK_RAW, 0, syscall.EPROTONOSUPPORT},
		{syscall.AF_INET, syscall.SOCK_RAW, syscall.IPPROTO_RAW, 0},
		{syscall.AF_INET, syscall.SOCK_RAW, 89, syscall.EPROTONOSUPPORT},
		{syscall.AF_INET6, syscall.SOCK_RAW, protocolICMPv6, 0},
		{syscall.AF_INET, 0, 0, syscall.EINVAL},
		{syscall.AF_INET, 77, 0, syscall.EINVAL},
		{syscall.AF_PACKET, syscall.SOCK_RAW, 3, syscall.EAFNOSUPPORT},
		{40, syscall.SOCK_STREAM, 0, syscall.EAFNOSUPPORT}, // AF_VSOCK
		{syscall.AF_NETLINK, syscall.SOCK_RAW, syscall.NETLINK_ROUTE, 0},
		{syscall.AF_NETLINK, syscall.SOCK_RAW, 4, syscall.EPROTONOSUPPORT},
		{syscall.AF_NETLINK, syscall.SOCK_STREAM, 0, syscall.ESOCKTNOSUPPORT},
		{syscall.AF_UNIX, syscall.SOCK_STREAM, 0, 0},
		{syscall.AF_UNIX, syscall.SOCK_STREAM, 6, syscall.EPROTONOSUPPORT},
	} {
		fd, errno := h.Socket(test.domain, test.typ, test.protocol)
		if errno != test.errno {
			t.Errorf("%+v: %v", test, errno)
		}
		if errno == 0 {
			must(t, h.Close(fd))
		}
	}
	if n := h.kernel.descriptors(); n != 0 {
		t.Error(n, "descriptors left")
	}
}
