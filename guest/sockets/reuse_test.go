package sockets

import (
	"syscall"
	"testing"
)

// TestReuse binds two sockets to one port in all the ways that matter to
// servers.
func TestReuse(t *testing.T) {
	h := newHost(t)
	const (
		none = 0
		addr = 1
		port = 2
		only = 4
	)
	for _, test := range []struct {
		name          string
		typ           int
		first, second string
		options       [2]int
		listen        bool // the first, before the second binds
		want          syscall.Errno
	}{
		{"same", syscall.SOCK_STREAM, "127.0.0.1:7000", "127.0.0.1:7000", [2]int{}, true, syscall.EADDRINUSE},
		{"any first", syscall.SOCK_STREAM, "0.0.0.0:7000", "127.0.0.1:7000", [2]int{}, true, syscall.EADDRINUSE},
		{"listening, with SO_REUSEADDR", syscall.SOCK_STREAM, "127.0.0.1:7000", "127.0.0.1:7000", [2]int{addr, addr}, true, syscall.EADDRINUSE},
		{"bound, with SO_REUSEADDR", syscall.SOCK_STREAM, "127.0.0.1:7000", "127.0.0.1:7000", [2]int{addr, addr}, false, 0},
		{"SO_REUSEPORT", syscall.SOCK_STREAM, "127.0.0.1:7000", "127.0.0.1:7000", [2]int{port, port}, true, 0},
		{"SO_REUSEPORT of one", syscall.SOCK_STREAM, "127.0.0.1:7000", "127.0.0.1:7000", [2]int{port, none}, true, syscall.EADDRINUSE},
		{"other address", syscall.SOCK_STREAM, "127.0.0.1:7000", "127.0.0.2:7000", [2]int{}, true, 0},
		{"both families", syscall.SOCK_STREAM, "[::]:7000", "0.0.0.0:7000", [2]int{}, true, syscall.EADDRINUSE},
		{"both families apart", syscall.SOCK_STREAM, "[::]:7000", "0.0.0.0:7000", [2]int{only, none}, true, 0},
		{"datagrams", syscall.SOCK_DGRAM, "127.0.0.1:7000", "127.0.0.1:7000", [2]int{}, false, syscall.EADDRINUSE},
		{"datagrams, SO_REUSEADDR", syscall.SOCK_DGRAM, "0.0.0.0:7000", "0.0.0.0:7000", [2]int{addr, addr}, false, 0},
		{"datagrams, SO_REUSEPORT", syscall.SOCK_DGRAM, "0.0.0.0:7000", "0.0.0.0:7000", [2]int{port, port}, false, 0},
		{"datagrams, both families", syscall.SOCK_DGRAM, "[::]:7000", "0.0.0.0:7000", [2]int{}, false, syscall.EADDRINUSE},
	} {
		var fds [2]int
		for i, name := range []string{test.first, test.second} {
			b := at(name)
			fd := h.open(t, int(b[0]), test.typ, 0)
			fds[i] = fd
			if test.options[i]&addr != 0 {
				must(t, h.SetOption(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, appendInt(nil, 1)))
			}
			if test.options[i]&port != 0 {
				must(t, h.SetOption(fd, syscall.SOL_SOCKET, soReusePort, appendInt(nil, 1)))
			}
			if test.options[i]&only != 0 {
				must(t, h.SetOption(fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, appendInt(nil, 1)))
			}
			errno := h.Bind(fd, b)
			if i == 0 {
				must(t, errno)
				if test.listen {
					must(t, h.Listen(fd, 5))
				}
			} else if errno != test.want {
				t.Errorf("%s: %v, not %v", test.name, errno, test.want)
			}
		}
		for _, fd := range fds {
			must(t, h.Close(fd))
		}
	}
}

// TestRestart binds again to a port whose last connection is still in
// TIME_WAIT, as a server does that has just been restarted.
func TestRestart(t *testing.T) {
	h := newHost(t)
	for range 3 {
		l := h.open(t, syscall.AF_INET, syscall.SOCK_STREAM, 0)
		must(t, h.SetOption(l, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, appendInt(nil, 1)))
		must(t, h.Bind(l, at("127.0.0.1:7000")))
		must(t, h.Listen(l, 5))
		c, errno := h.dial(t, at("127.0.0.1:7000"))
		must(t, errno)
		s, _ := h.acceptOne(t, l)
		must(t, h.Close(s))
		if n, errno := h.readSome(t, c, make([]byte, 1)); n != 0 || errno != 0 {
			t.Error(n, errno)
		}
		must(t, h.Close(c))
		must(t, h.Close(l))
	}
}

// TestZones checks that link-local peers come with their interface.
func TestZones(t *testing.T) {
	a, b := newHosts(t)
	for _, listen := range []string{"[::]:7000", "[fe80::2%net0]:7001"} {
		l, _ := b.listener(t, listen)
		c, errno := a.dial(t, at("[fe80::2%net0]"+listen[len(listen)-5:]))
		must(t, errno)
		s, peer := b.acceptOne(t, l)
		own := text(a.local(t, c))
		if got := text(peer); got != own {
			t.Errorf("%s: the peer is %s, not %s", listen, got, own)
		}
		if name, errno := b.Name(s, true, nil); errno != 0 || text(name) != own {
			t.Errorf("%s: the peer's name is %s, %v", listen, text(name), errno)
		}
		name, errno := a.Name(c, true, nil)
		must(t, errno)
		if got := text(b.local(t, s)); got != text(name) {
			t.Errorf("%s: accepted at %s, not %s", listen, got, text(name))
		}
		a.Close(c)
		b.Close(s)
		b.Close(l)
	}
}
