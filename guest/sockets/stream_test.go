package sockets

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestStreamConnect(t *testing.T) {
	h := newHost(t)
	for _, test := range []struct{ listen, dial, sees, peer string }{
		{"127.0.0.1:0", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"0.0.0.0:0", "127.0.0.1", "127.0.0.1", "127.0.0.1"},
		{"0.0.0.0:0", "0.0.0.0", "127.0.0.1", "127.0.0.1"},
		{"[::1]:0", "[::1]", "[::1]", "[::1]"},
		{"[::]:0", "[::1]", "[::1]", "[::1]"},
		{"[::]:0", "[::]", "[::1]", "[::1]"},
		{"[::]:0", "127.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]"},
		{"0.0.0.0:0", "[::ffff:127.0.0.1]", "[::ffff:127.0.0.1]", "127.0.0.1"},
		{"[::ffff:127.0.0.1]:0", "127.0.0.1", "127.0.0.1", "[::ffff:127.0.0.1]"},
	} {
		l, addr := h.listener(t, test.listen)
		port := text(addr)[len(test.listen)-2:]
		c, errno := h.dial(t, at(test.dial+port))
		if errno != 0 {
			t.Errorf("%s to %s: %v", test.dial, test.listen, errno)
			h.Close(c)
			h.Close(l)
			continue
		}
		s, peer := h.acceptOne(t, l)
		own := text(h.local(t, c))
		if got := text(peer); got[:len(got)-len(own[len(test.sees):])] != test.peer {
			t.Errorf("%s to %s: the peer is %s, not %s", test.dial, test.listen, got, test.peer)
		}
		if name, errno := h.Name(c, true, nil); errno != 0 || text(name) != test.sees+port {
			t.Errorf("%s to %s: connected to %s, %v", test.dial, test.listen, text(name), errno)
		}
		if name := text(h.local(t, s)); name != test.peer+port {
			t.Errorf("%s to %s: accepted at %s", test.dial, test.listen, name)
		}
		for _, fd := range []int{c, s, l} {
			must(t, h.Close(fd))
		}
	}
}

func TestStreamRefused(t *testing.T) {
	a, b := newHosts(t)
	_, addr := b.listener(t, "10.0.0.2:0")
	for _, test := range []struct {
		addr  string
		errno syscall.Errno
	}{
		{"127.0.0.1:9", syscall.ECONNREFUSED},
		{"[::1]:9", syscall.ECONNREFUSED},
		{"10.0.0.2:9", syscall.ECONNREFUSED},
		{"[fd00::2]:9", syscall.ECONNREFUSED},
		{"127.0.0.1:0", syscall.ECONNREFUSED},
		{"192.0.2.1:80", syscall.ENETUNREACH},
		{"[2001:db8::1]:80", syscall.ENETUNREACH},
		{"224.0.0.1:80", syscall.ENETUNREACH},
	} {
		fd, errno := a.dial(t, at(test.addr))
		if errno != test.errno {
			t.Errorf("%s: %v, not %v", test.addr, errno, test.errno)
		}
		a.Close(fd)
	}
	if fd, errno := a.dial(t, addr); errno != 0 {
		t.Error(errno)
	} else {
		a.Close(fd)
	}
}

// connection returns both ends of a stream between two hosts.
func connection(t testing.TB, from, to *host, addr string) (client, server int) {
	t.Helper()
	l, name := to.listener(t, addr)
	client, errno := from.dial(t, name)
	must(t, errno)
	server, _ = to.acceptOne(t, l)
	must(t, to.Close(l))
	return client, server
}

// TestStreamIntegrity sends random bytes in pieces of random sizes in both
// directions at once.
func TestStreamIntegrity(t *testing.T) {
	a, b := newHosts(t)
	for _, addr := range []string{"10.0.0.2:0", "[fd00::2]:0", "[fe80::2%net0]:0"} {
		c, s := connection(t, a, b, addr)
		sent := make([]byte, 300<<10)
		random := rand.New(rand.NewPCG(1, 2))
		for i := range sent {
			sent[i] = byte(random.Uint32())
		}
		done := make(chan error, 4)
		send := func(h *host, fd int, seed uint64) {
			random := rand.New(rand.NewPCG(seed, 0))
			for p := sent; len(p) != 0; {
				n := min(1+random.IntN(1<<random.IntN(18)), len(p))
				if errno := h.writeAll(t, fd, p[:n]); errno != 0 {
					done <- errno
					return
				}
				p = p[n:]
			}
			if errno := h.Shutdown(fd, syscall.SHUT_WR); errno != 0 {
				done <- errno
				return
			}
			done <- nil
		}
		receive := func(h *host, fd int, seed uint64) {
			random := rand.New(rand.NewPCG(seed, 0))
			var got []byte
			buf := make([]byte, 1<<17)
			for {
				n, errno := h.readSome(t, fd, buf[:1+random.IntN(1<<random.IntN(17))])
				if errno != 0 {
					done <- errno
					return
				}
				if n == 0 {
					break
				}
				got = append(got, buf[:n]...)
			}
			if !bytes.Equal(got, sent) {
				t.Errorf("%s: %d bytes arrived, not the %d that were sent", addr, len(got), len(sent))
			}
			done <- nil
		}
		go send(a, c, 3)
		go send(b, s, 4)
		go receive(a, c, 5)
		go receive(b, s, 6)
		for range 4 {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		must(t, a.Close(c))
		must(t, b.Close(s))
	}
}

func TestHalfClose(t *testing.T) {
	a, b := newHosts(t)
	c, s := connection(t, a, b, "10.0.0.2:0")
	buf := make([]byte, 16)
	must(t, a.writeAll(t, c, []byte("ping")))
	must(t, a.Shutdown(c, syscall.SHUT_WR))
	if n, errno := b.readSome(t, s, buf); errno != 0 || string(buf[:n]) != "ping" {
		t.Fatal(string(buf[:n]), errno)
	}
	for range 2 {
		if n, errno := b.readSome(t, s, buf); n != 0 || errno != 0 {
			t.Fatal("no end of the stream:", n, errno)
		}
	}
	if _, errno := a.Write(c, []byte("x")); errno != syscall.EPIPE {
		t.Error("write after shutdown:", errno)
	}
	must(t, b.writeAll(t, s, []byte("pong")))
	if n, errno := a.readSome(t, c, buf); errno != 0 || string(buf[:n]) != "pong" {
		t.Fatal(string(buf[:n]), errno)
	}
	must(t, b.Close(s))
	if n, errno := a.readSome(t, c, buf); n != 0 || errno != 0 {
		t.Fatal(n, errno)
	}
	must(t, a.Close(c))
}

func TestReset(t *testing.T) {
	a, b := newHosts(t)
	c, s := connection(t, a, b, "10.0.0.2:0")
	must(t, b.SetOption(s, syscall.SOL_SOCKET, syscall.SO_LINGER, []byte{1, 0, 0, 0, 0, 0, 0, 0}))
	must(t, b.Close(s))
	buf := make([]byte, 16)
	if _, errno := a.readSome(t, c, buf); errno != syscall.ECONNRESET {
		t.Error("read:", errno)
	}
	if n, errno := a.Read(c, buf); n != 0 || errno != 0 {
		t.Error("second read:", n, errno)
	}
	if _, errno := a.Write(c, buf); errno != syscall.EPIPE {
		t.Error("write:", errno)
	}
	must(t, a.Close(c))
}

func TestPeek(t *testing.T) {
	a, b := newHosts(t)
	c, s := connection(t, a, b, "10.0.0.2:0")
	must(t, a.writeAll(t, c, []byte("hello")))
	b.kernel.wait(t, s, pollIn)
	buf := make([]byte, 16)
	for _, test := range []struct {
		flags, room int
		want        string
	}{
		{syscall.MSG_PEEK, 16, "hello"},
		{syscall.MSG_PEEK | syscall.MSG_DONTWAIT, 3, "hel"},
		{0, 2, "he"},
		{syscall.MSG_PEEK, 16, "llo"},
	} {
		n, errno := b.Receive(s, &Message{Buffers: [][]byte{buf[:test.room]}, Flags: test.flags})
		if errno != 0 || string(buf[:n]) != test.want {
			t.Errorf("flags %#x: %q, %v", test.flags, buf[:n], errno)
		}
	}
	var first, rest [2]byte
	n, errno := b.Receive(s, &Message{Buffers: [][]byte{first[:], nil, rest[:]}})
	if errno != 0 || n != 3 || first != [2]byte{'l', 'l'} || rest != [2]byte{'o', 0} {
		t.Error(n, errno, first, rest)
	}
	if _, errno := b.Read(s, buf); errno != syscall.EAGAIN {
		t.Error("nothing left, but:", errno)
	}
	must(t, a.writeAll(t, c, []byte("dropped")))
	b.kernel.wait(t, s, pollIn)
	m := &Message{Buffers: [][]byte{buf[:4]}, Flags: syscall.MSG_TRUNC}
	clear(buf)
	if n, errno := b.Receive(s, m); n != 4 || errno != 0 || buf[0] != 0 {
		t.Error("discarding:", n, errno)
	}
	if n, errno := b.Read(s, buf); errno != 0 || string(buf[:n]) != "ped" {
		t.Errorf("%q %v", buf[:n], errno)
	}
	if n, errno := b.Read(s, nil); errno != syscall.EAGAIN {
		t.Error("empty read:", n, errno)
	}
	a.Close(c)
	b.Close(s)
}

// TestBlocking runs a server and a client whose sockets block.
func TestBlocking(t *testing.T) {
	h := newHost(t)
	l, errno := h.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, errno)
	must(t, h.Bind(l, at("127.0.0.1:0")))
	must(t, h.Listen(l, 1))
	const size = 1 << 21
	done := make(chan syscall.Errno)
	go func() {
		s, _, errno := h.Accept(l, 0, nil)
		if errno == 0 {
			_, errno = h.Write(s, make([]byte, size))
			h.Close(s)
		}
		done <- errno
	}()
	c, errno := h.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	must(t, errno)
	must(t, h.Connect(c, h.local(t, l)))
	buf, total := make([]byte, 10000), 0
	for {
		n, errno := h.Read(c, buf)
		must(t, errno)
		if n == 0 {
			break
		}
		total += n
	}
	if total != size {
		t.Error(total)
	}
	must(t, <-done)
	must(t, h.Close(c))
	if fd, errno := h.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); errno == 0 {
		if errno := h.Connect(fd, at("127.0.0.1:9")); errno != syscall.ECONNREFUSED {
			t.Error(errno)
		}
		h.Close(fd)
	}
	// Timeouts end a wait.
	must(t, h.SetOption(l, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, appendTimeval(nil, 20e6)))
	if _, _, errno := h.Accept(l, 0, nil); errno != syscall.EAGAIN {
		t.Error("accept after its timeout:", errno)
	}
	must(t, h.Close(l))
}

func TestSendFile(t *testing.T) {
	a, b := newHosts(t)
	c, s := connection(t, a, b, "10.0.0.2:0")
	content := make([]byte, 200<<10)
	for i := range content {
		content[i] = byte(i * i >> 3)
	}
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file := int(f.Fd())
	const head = 1000
	offset := int64(len(content) - head) // the last part first
	if n, errno := a.SendFile(c, file, &offset, 1<<20); n != head || errno != 0 || offset != int64(len(content)) {
		t.Fatal(n, errno, offset)
	}
	go func() {
		for sent := 0; ; {
			n, errno := a.SendFile(c, file, nil, 1<<20)
			if errno == syscall.EAGAIN {
				a.kernel.wait(t, c, pollOut)
				continue
			}
			if sent += n; n == 0 || errno != 0 {
				if sent != len(content) || errno != 0 {
					t.Error(sent, errno)
				}
				a.Shutdown(c, syscall.SHUT_WR)
				return
			}
		}
	}()
	var got []byte
	buf := make([]byte, 1<<16)
	for {
		n, errno := b.readSome(t, s, buf)
		must(t, errno)
		if n == 0 {
			break
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, append(content[len(content)-head:], content...)) {
		t.Error(len(got), "bytes arrived")
	}
	a.Close(c)
	b.Close(s)
}
