package sockets

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func unixName(s string) []byte { return append([]byte{syscall.AF_UNIX, 0}, s...) }

func TestUnixStream(t *testing.T) {
	h := newHost(t)
	for _, test := range []struct{ bind, dial, sees string }{
		{"/run/x.sock", "/run/x.sock", "/run/x.sock\x00"},
		{"/run/./y.sock\x00junk", "/run/y.sock", "/run/./y.sock\x00"},
		{"\x00abstract", "\x00abstract", "\x00abstract"},
		{"\x00with\x00nul", "\x00with\x00nul", "\x00with\x00nul"},
	} {
		l := h.open(t, syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		must(t, h.Bind(l, unixName(test.bind)))
		c := h.open(t, syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		if errno := h.Connect(c, unixName(test.dial)); errno != syscall.ECONNREFUSED {
			t.Errorf("%q does not listen yet: %v", test.bind, errno)
		}
		must(t, h.Listen(l, 5))
		must(t, h.Connect(c, unixName(test.dial)))
		if errno := h.Connect(c, unixName(test.dial)); errno != syscall.EISCONN {
			t.Errorf("%q: connected twice: %v", test.bind, errno)
		}
		must(t, h.writeAll(t, c, []byte("early")))
		s, peer := h.acceptOne(t, l)
		if !bytes.Equal(peer, unixName("")) {
			t.Errorf("%q: peer %q", test.bind, peer)
		}
		if name, errno := h.Name(c, true, nil); errno != 0 || !bytes.Equal(name, unixName(test.sees)) {
			t.Errorf("%q: connected to %q, %v", test.bind, name, errno)
		}
		if name := h.local(t, s); !bytes.Equal(name, unixName(test.sees)) {
			t.Errorf("%q: accepted at %q", test.bind, name)
		}
		buf := make([]byte, 10)
		if n, errno := h.Read(s, buf); errno != 0 || string(buf[:n]) != "early" {
			t.Errorf("%q %v", buf[:n], errno)
		}
		must(t, h.Shutdown(c, syscall.SHUT_WR))
		if n, errno := h.readSome(t, s, buf); n != 0 || errno != 0 {
			t.Error("end:", n, errno)
		}
		must(t, h.writeAll(t, s, []byte("late")))
		must(t, h.Close(s))
		if n, errno := h.readSome(t, c, buf); errno != 0 || string(buf[:n]) != "late" {
			t.Errorf("%q %v", buf[:n], errno)
		}
		if n, errno := h.readSome(t, c, buf); n != 0 || errno != 0 {
			t.Error("end:", n, errno)
		}
		must(t, h.Close(c))
		must(t, h.Close(l))
		c = h.open(t, syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		want := syscall.ENOENT
		if test.bind[0] == 0 {
			want = syscall.ECONNREFUSED
		}
		if errno := h.Connect(c, unixName(test.dial)); errno != want {
			t.Errorf("%q is closed: %v", test.bind, errno)
		}
		must(t, h.Close(c))
	}
}

func TestUnixErrors(t *testing.T) {
	h := newHost(t)
	stream := h.open(t, syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	dgram := h.open(t, syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	must(t, h.Bind(dgram, unixName("/dgram")))
	buf := make([]byte, 1)
	read := func(fd int) syscall.Errno { _, errno := h.Read(fd, buf); return errno }
	write := func(fd int) syscall.Errno { _, errno := h.Write(fd, buf); return errno }
	for i, test := range []struct{ got, want syscall.Errno }{
		{read(stream), syscall.EINVAL},
		{write(stream), syscall.ENOTCONN},
		{write(dgram), syscall.ENOTCONN},
		{read(dgram), syscall.EAGAIN},
		{h.Listen(stream, 1), syscall.EINVAL},
		{h.Listen(dgram, 1), syscall.EOPNOTSUPP},
		{h.Connect(stream, unixName("/dgram")), syscall.EPROTOTYPE},
		{h.Connect(stream, unixName("/none")), syscall.ENOENT},
		{h.Connect(stream, at("127.0.0.1:1")), syscall.EINVAL},
		{h.Bind(stream, unixName(string(make([]byte, 109)))), syscall.EINVAL},
		{h.Bind(stream, unixName("/dgram")), syscall.EADDRINUSE},
		{h.Bind(dgram, unixName("/again")), syscall.EINVAL},
		{h.Shutdown(stream, 9), syscall.EINVAL},
	} {
		if test.got != test.want {
			t.Errorf("%d: %v, not %v", i, test.got, test.want)
		}
	}
	if _, errno := h.Name(stream, true, nil); errno != syscall.ENOTCONN {
		t.Error(errno)
	}
	must(t, h.Bind(stream, unixName(""))) // any name
	if name := h.local(t, stream); len(name) != 8 || name[2] != 0 {
		t.Errorf("%q", name)
	}
	rights := control(syscall.SOL_SOCKET, syscall.SCM_RIGHTS, []byte{3, 0, 0, 0})
	if _, errno := h.Send(dgram, &Message{Buffers: [][]byte{buf}, Name: unixName("/dgram"), Control: rights}); errno != syscall.EOPNOTSUPP {
		t.Error(errno)
	}
	must(t, h.Close(stream))
	must(t, h.Close(dgram))
}

func TestUnixDatagrams(t *testing.T) {
	h := newHost(t)
	a := h.open(t, syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	b := h.open(t, syscall.AF_UNIX, syscall.SOCK_DGRAM, 0)
	must(t, h.Bind(a, unixName("/a")))
	must(t, h.Bind(b, unixName("/b")))
	must(t, h.SetOption(b, syscall.SOL_SOCKET, syscall.SO_PASSCRED, appendInt(nil, 1)))
	for _, data := range []string{"one", "", "three"} {
		if _, errno := h.Send(a, &Message{Buffers: [][]byte{[]byte(data)}, Name: unixName("/b")}); errno != 0 {
			t.Fatal(errno)
		}
	}
	buf := make([]byte, 3)
	for i, want := range []string{"one", "", "thr"} {
		m := &Message{Buffers: [][]byte{buf}, Name: make([]byte, maxAddress), Control: make([]byte, 64)}
		n, errno := h.Receive(b, m)
		if errno != 0 || string(buf[:n]) != want || string(m.Name[:m.NameLen]) != "\x01\x00/a\x00" || (m.OutFlags&syscall.MSG_TRUNC != 0) != (i == 2) {
			t.Errorf("%q from %q, %v", buf[:n], m.Name[:m.NameLen], errno)
		}
		if c := controls(t, m.Control[:m.ControlLen]); !bytes.Equal(c[optionID{syscall.SOL_SOCKET, syscall.SCM_CREDENTIALS}], appendCredentials(nil)) {
			t.Error(c)
		}
	}
	// A full receiver makes the sender wait, and tells it when there is room.
	must(t, h.Connect(a, unixName("/b")))
	sent := 0
	for {
		if _, errno := h.Write(a, buf); errno == syscall.EAGAIN {
			break
		} else if errno != 0 || sent > unixPackets {
			t.Fatal(sent, errno)
		}
		sent++
	}
	if ready, _ := h.Readiness(a); ready&pollOut != 0 {
		t.Errorf("%#x", ready)
	}
	for range sent {
		if _, errno := h.Read(b, buf); errno != 0 {
			t.Fatal(errno)
		}
	}
	h.kernel.wait(t, a, pollOut)
	if _, errno := h.Write(a, buf); errno != 0 {
		t.Error(errno)
	}
	if _, errno := h.Write(a, make([]byte, unixBuffer+1)); errno != syscall.EMSGSIZE {
		t.Error(errno)
	}
	must(t, h.Close(b))
	if _, errno := h.Write(a, buf); errno != syscall.ECONNREFUSED {
		t.Error(errno)
	}
	must(t, h.Close(a))
}

// TestUnixIntegrity sends random bytes in pieces of random sizes.
func TestUnixIntegrity(t *testing.T) {
	h := newHost(t)
	fds, errno := h.Pair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK, 0)
	must(t, errno)
	sent := make([]byte, 4<<20)
	random := rand.New(rand.NewPCG(1, 1))
	for i := range sent {
		sent[i] = byte(random.Uint32())
	}
	go func() {
		random := rand.New(rand.NewPCG(2, 2))
		for p := sent; len(p) != 0; {
			n := min(1+random.IntN(1<<random.IntN(19)), len(p))
			if errno := h.writeAll(t, fds[0], p[:n]); errno != 0 {
				t.Error(errno)
			}
			p = p[n:]
		}
		h.Close(fds[0])
	}()
	var got []byte
	buf := make([]byte, 1<<18)
	for {
		n, errno := h.readSome(t, fds[1], buf[:1+random.IntN(1<<random.IntN(18))])
		must(t, errno)
		if n == 0 {
			break
		}
		got = append(got, buf[:n]...)
	}
	if !bytes.Equal(got, sent) {
		t.Errorf("%d bytes arrived, not the %d that were sent", len(got), len(sent))
	}
	must(t, h.Close(fds[1]))
}

func TestUnixHangUp(t *testing.T) {
	h := newHost(t)
	fds, errno := h.Pair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	must(t, errno)
	buf := make([]byte, 8)
	h.Write(fds[0], buf)
	must(t, h.Close(fds[1])) // with unread data
	if _, errno := h.Read(fds[0], buf); errno != syscall.ECONNRESET {
		t.Error(errno)
	}
	if n, errno := h.Read(fds[0], buf); n != 0 || errno != 0 {
		t.Error(n, errno)
	}
	if _, errno := h.Write(fds[0], buf); errno != syscall.EPIPE {
		t.Error(errno)
	}
	must(t, h.Close(fds[0]))

	fds, errno = h.Pair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET, 0)
	must(t, errno)
	for _, s := range []string{"ab", "c"} {
		if _, errno := h.Write(fds[0], []byte(s)); errno != 0 {
			t.Error(errno)
		}
	}
	must(t, h.Close(fds[0]))
	for _, want := range []string{"ab", "c", ""} {
		if n, errno := h.Read(fds[1], buf); errno != 0 || string(buf[:n]) != want {
			t.Errorf("%q %v", buf[:n], errno)
		}
	}
	must(t, h.Close(fds[1]))
}

// TestUnixFiles finds sockets by nodes of the file system.
func TestUnixFiles(t *testing.T) {
	h := newHost(t)
	h.Table = New(h.stack, struct {
		*fakeKernel
		SystemFiles
	}{fakeKernel: h.kernel})
	dir := t.TempDir()
	name := unixName(filepath.Join(dir, "socket"))
	connect := func() syscall.Errno {
		fd := h.open(t, syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		defer h.Close(fd)
		return h.Connect(fd, name)
	}
	bound := func() (int, syscall.Errno) {
		fd := h.open(t, syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
		errno := h.Bind(fd, name)
		if errno == 0 {
			must(t, h.Listen(fd, 5))
		}
		return fd, errno
	}
	if errno := connect(); errno != syscall.ENOENT {
		t.Error("before bind:", errno)
	}
	first, errno := bound()
	must(t, errno)
	if st, err := os.Stat(filepath.Join(dir, "socket")); err != nil || st.Mode().Type() != os.ModeSocket {
		t.Error(st, err)
	}
	must(t, connect())
	second, errno := bound()
	if errno != syscall.EADDRINUSE {
		t.Error("bound twice:", errno)
	}
	must(t, h.Close(second))
	if err := os.Symlink("socket", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	name = unixName(filepath.Join(dir, "link"))
	must(t, connect())
	name = unixName(filepath.Join(dir, "socket"))
	must(t, h.Close(first))
	if errno := connect(); errno != syscall.ECONNREFUSED {
		t.Error("closed, node left:", errno)
	}
	if err := os.Remove(filepath.Join(dir, "socket")); err != nil {
		t.Fatal(err)
	}
	third, errno := bound()
	must(t, errno)
	must(t, connect())
	must(t, h.Close(third))
	name = unixName(dir)
	if errno := connect(); errno != syscall.ECONNREFUSED {
		t.Error("a folder:", errno)
	}
	name = unixName(filepath.Join(dir, "none/socket"))
	if fd, errno := bound(); errno != syscall.ENOENT {
		t.Error("no folder:", fd, errno)
	}
}
