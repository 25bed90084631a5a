package sockets

import (
	"runtime"
	"sync"
	"syscall"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

func TestDescriptors(t *testing.T) {
	h := newHost(t)
	fd := h.open(t, syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	must(t, h.Bind(fd, at("127.0.0.1:5000")))
	if !h.Is(fd) || h.Is(fd+1) || h.Is(-1) || h.Is(1<<40) {
		t.Error("Is")
	}
	dup, errno := h.Dup(fd, 500)
	if errno != 0 || dup != 500 || !h.Is(500) {
		t.Fatal(dup, errno)
	}
	if flags, errno := h.Fcntl(dup, syscall.F_GETFL, 0); flags != syscall.O_RDWR|syscall.O_NONBLOCK || errno != 0 {
		t.Error(flags, errno)
	}
	if _, errno := h.Fcntl(dup, syscall.F_SETFL, 0); errno != 0 {
		t.Error(errno)
	}
	if flags, _ := h.Fcntl(fd, syscall.F_GETFL, 0); flags != syscall.O_RDWR {
		t.Error("duplicates share the status flag:", flags)
	}
	must(t, h.Close(fd))
	if h.Is(fd) {
		t.Error("closed, but still there")
	}
	if errno := h.Close(fd); errno != syscall.EBADF {
		t.Error(errno)
	}
	// The socket lives on under its other descriptor.
	if got := text(h.local(t, dup)); got != "127.0.0.1:5000" {
		t.Error(got)
	}
	c := h.open(t, syscall.AF_INET, syscall.SOCK_DGRAM, 0)
	h.sendTo(t, c, "x", "127.0.0.1:5000")
	if h.kernel.wait(t, dup, pollIn)&pollIn == 0 {
		t.Error("no edge at the duplicate")
	}
	must(t, h.Close(dup))
	other := h.bound(t, "127.0.0.1:5000") // free again
	if got, errno := h.raw(syscall.SYS_DUP3, other, c, 0); int(got) != c || errno != 0 || text(h.local(t, c)) != "127.0.0.1:5000" {
		t.Error("dup3:", got, errno)
	}
	if got, errno := h.raw(syscall.SYS_DUP2, other, other); int(got) != other || errno != 0 {
		t.Error("dup2:", got, errno)
	}
	busy, errno := h.kernel.Open()
	must(t, errno)
	if _, errno := h.raw(syscall.SYS_DUP3, other, busy, 0); errno != syscall.EBUSY {
		t.Error("dup3:", errno)
	}
	must(t, h.kernel.Close(busy))
	must(t, h.Close(other))
	must(t, h.Close(c))

	h.kernel.limit = 4
	one := h.open(t, syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if _, errno := h.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); errno != syscall.EMFILE {
		t.Error(errno)
	}
	if _, errno := h.Dup(one, 3); errno != syscall.EMFILE {
		t.Error(errno)
	}
	if _, errno := h.Pair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0); errno != syscall.EMFILE {
		t.Error(errno)
	}
	must(t, h.Close(one))
}

func TestBadDescriptors(t *testing.T) {
	h := newHost(t)
	for nr := range uintptr(400) {
		switch nr {
		case syscall.SYS_SOCKET, syscall.SYS_SOCKETPAIR:
			continue
		}
		if _, errno := h.Raw(nr, [6]uintptr{77}); errno == 0 {
			t.Errorf("call %d of a descriptor that is not open succeeded", nr)
		}
	}
}

// TestEdges checks that an edge is reported once, and again after EAGAIN.
func TestEdges(t *testing.T) {
	a, b := newHosts(t)
	c, s := connection(t, a, b, "10.0.0.2:0")
	buf := make([]byte, 100)
	if _, errno := b.Read(s, buf); errno != syscall.EAGAIN {
		t.Fatal(errno)
	}
	before := b.kernel.reports(s)
	for round := range 3 {
		for range 5 {
			must(t, a.writeAll(t, c, []byte("x")))
		}
		settle(t, "five bytes", func() bool {
			var n [4]byte
			must(t, b.Ioctl(s, ioctlBytesReadable, n[:]))
			return n[0] == 5
		})
		if got := b.kernel.reports(s) - before; got != round+1 {
			t.Errorf("round %d: %d reports", round, got)
		}
		if n, errno := b.Read(s, buf); n != 5 || errno != 0 {
			t.Fatal(n, errno)
		}
		if _, errno := b.Read(s, buf); errno != syscall.EAGAIN {
			t.Fatal(errno)
		}
	}
	if ready, errno := b.Readiness(s); ready != pollOut || errno != 0 {
		t.Errorf("%#x %v", ready, errno)
	}
	before = b.kernel.reports(s)
	must(t, a.Close(c))
	settle(t, "the end is reported", func() bool { return b.kernel.reports(s) == before+1 })
	if ready, _ := b.Readiness(s); ready&(pollIn|pollRdHup) != pollIn|pollRdHup {
		t.Errorf("%#x", ready)
	}
	must(t, b.Close(s))
}

// TestWritableEdge fills a connection and empties it.
func TestWritableEdge(t *testing.T) {
	a, b := newHosts(t)
	c, s := connection(t, a, b, "10.0.0.2:0")
	chunk := make([]byte, 1<<16)
	sent := 0
	for {
		n, errno := a.Write(c, chunk)
		if errno == syscall.EAGAIN {
			break
		}
		must(t, errno)
		sent += n
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for got := 0; got < sent+1; {
			n, errno := b.readSome(t, s, buf)
			if errno != 0 || n == 0 {
				t.Error(n, errno)
				return
			}
			got += n
		}
	}()
	a.kernel.wait(t, c, pollOut)
	if n, errno := a.Write(c, chunk[:1]); n != 1 || errno != 0 {
		t.Error("writable, but:", n, errno)
	}
	<-done
	must(t, a.Close(c))
	must(t, b.Close(s))
}

// TestLeaks opens and closes ten thousand sockets, and connections among them.
func TestLeaks(t *testing.T) {
	h := newHost(t)
	l, addr := h.listener(t, "127.0.0.1:0")
	round := func() {
		for i := range 1000 {
			kinds := [][3]int{
				{syscall.AF_INET, syscall.SOCK_STREAM, 0}, {syscall.AF_INET6, syscall.SOCK_STREAM, 0},
				{syscall.AF_INET, syscall.SOCK_DGRAM, 0}, {syscall.AF_NETLINK, syscall.SOCK_RAW, 0},
				{syscall.AF_UNIX, syscall.SOCK_STREAM, 0},
			}
			k := kinds[i%len(kinds)]
			fd := h.open(t, k[0], k[1], k[2])
			if k[1] == syscall.SOCK_DGRAM {
				must(t, h.Bind(fd, at("0.0.0.0:0")))
			}
			must(t, h.Close(fd))
		}
		for range 50 {
			c, errno := h.dial(t, addr)
			must(t, errno)
			s, _ := h.acceptOne(t, l)
			must(t, h.SetOption(c, syscall.SOL_SOCKET, syscall.SO_LINGER, []byte{1, 0, 0, 0, 0, 0, 0, 0}))
			must(t, h.Close(c))
			must(t, h.Close(s))
		}
	}
	memory := func() uint64 {
		settle(t, "no connection", func() bool { return h.stack.Stats().TCP.CurrentConnected.Value() == 0 })
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	round()
	goroutines, before := runtime.NumGoroutine(), memory()
	for range 9 {
		round()
	}
	after := memory()
	if after > before+before/2+1<<20 {
		t.Errorf("%d bytes in use, then %d", before, after)
	}
	settle(t, "goroutines gone", func() bool { return runtime.NumGoroutine() <= goroutines+2 })
	if n := h.kernel.descriptors(); n != 1 {
		t.Error(n, "descriptors left")
	}
	must(t, h.Close(l))
}

// TestCloseRaces closes sockets while others use them.
func TestCloseRaces(t *testing.T) {
	h := newHost(t)
	for range 30 {
		l, addr := h.listener(t, "127.0.0.1:0")
		c, errno := h.dial(t, addr)
		must(t, errno)
		s, _ := h.acceptOne(t, l)
		var all sync.WaitGroup
		for _, f := range []func(){
			func() { h.Read(c, make([]byte, 10)) },
			func() { h.Write(c, make([]byte, 100000)) },
			func() { h.Write(s, make([]byte, 1000)) },
			func() { h.Accept(l, 0, nil) },
			func() { h.Close(c) },
			func() { h.Close(c) },
			func() {
				if fd, errno := h.Dup(c, 0); errno == 0 {
					h.Close(fd)
				}
			},
			func() { h.Close(s) },
			func() { h.Option(c, syscall.IPPROTO_TCP, syscall.TCP_INFO, nil) },
			func() { h.Close(l) },
		} {
			all.Go(f)
		}
		all.Wait()
	}
	if n := h.kernel.descriptors(); n != 0 {
		t.Error(n, "descriptors left")
	}
}

// TestBlockedReaders closes a socket under readers that wait.
func TestBlockedReaders(t *testing.T) {
	h := newHost(t)
	var all sync.WaitGroup
	for _, kind := range []int{syscall.SOCK_STREAM, syscall.SOCK_DGRAM} {
		fds, errno := h.Pair(syscall.AF_UNIX, kind, 0)
		must(t, errno)
		u, errno := h.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
		must(t, errno)
		must(t, h.Bind(u, at("127.0.0.1:0")))
		for _, fd := range []int{fds[0], u} {
			all.Go(func() { h.Read(fd, make([]byte, 1)) })
		}
		for _, fd := range append(fds[:], u) {
			must(t, h.Close(fd))
		}
	}
	all.Wait()
}

func TestBacklog(t *testing.T) {
	h := newHost(t)
	l, addr := h.listener(t, "127.0.0.1:0")
	for range 20 {
		c, errno := h.dial(t, addr)
		must(t, errno)
		defer h.Close(c)
	}
	if n := tcp.EndpointState(h.at(l).socket.(*inet).endpoint.State()); n != tcp.StateListen {
		t.Error(n)
	}
	for range 20 {
		fd, _ := h.acceptOne(t, l)
		defer h.Close(fd)
	}
	must(t, h.Shutdown(l, syscall.SHUT_RD))
	if _, _, errno := h.Accept(l, 0, nil); errno != syscall.EINVAL {
		t.Error(errno)
	}
	must(t, h.Close(l))
}
