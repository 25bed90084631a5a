package sockets

import (
	"syscall"
	"testing"
	"unsafe"
)

// What the stack itself allocates for a datagram or a segment is not ours; a
// call that moves nothing, and reading what has arrived, allocate nothing.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector, pools forget and so allocate")
	}
	h := newHost(t)
	l, addr := h.listener(t, "127.0.0.1:0")
	c, errno := h.dial(t, addr)
	must(t, errno)
	s, _ := h.acceptOne(t, l)
	d := h.bound(t, "127.0.0.1:5000")
	buf, name, n := make([]byte, 4096), make([]byte, 128), int32(128)
	must(t, h.writeAll(t, c, make([]byte, 4096)))
	settle(t, "data", func() bool { ready, _ := h.Readiness(s); return ready&pollIn != 0 })
	for _, test := range []struct {
		what string
		most float64
		call func()
	}{
		{"no data", 0, func() { h.Read(s, buf[:0]) }},
		{"stream EAGAIN", 0, func() { h.Read(c, buf) }},
		{"datagram EAGAIN", 0, func() {
			n = 128
			h.Call(syscall.SYS_RECVFROM, uintptr(d), unsafe.Pointer(&buf[0]), unsafe.Pointer(&name[0]), unsafe.Pointer(&n), 4096, 0, 0)
		}},
		{"read of a byte", 0, func() { h.Read(s, buf[:1]) }},
	} {
		if got := testing.AllocsPerRun(100, test.call); got > test.most {
			t.Errorf("%s: %v allocations", test.what, got)
		}
	}
}

func BenchmarkStream(b *testing.B) {
	h := newHost(b)
	l, addr := h.listener(b, "127.0.0.1:0")
	c, errno := h.dial(b, addr)
	must(b, errno)
	s, _ := h.acceptOne(b, l)
	chunk := make([]byte, 16<<10)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		must(b, h.writeAll(b, c, chunk))
		for got := 0; got < len(chunk); {
			n, errno := h.readSome(b, s, chunk)
			must(b, errno)
			got += n
		}
	}
}

func BenchmarkDatagram(b *testing.B) {
	h := newHost(b)
	s, c := h.bound(b, "127.0.0.1:5000"), h.bound(b, "127.0.0.1:6000")
	to, buf, name, n := at("127.0.0.1:5000"), make([]byte, 100), make([]byte, 128), int32(128)
	b.ReportAllocs()
	for b.Loop() {
		if _, errno := h.Call(syscall.SYS_SENDTO, uintptr(c), unsafe.Pointer(&buf[0]), unsafe.Pointer(&to[0]), nil, 100, 0, 16); errno != 0 {
			b.Fatal(errno)
		}
		n = 128
		for {
			_, errno := h.Call(syscall.SYS_RECVFROM, uintptr(s), unsafe.Pointer(&buf[0]), unsafe.Pointer(&name[0]), unsafe.Pointer(&n), 100, 0, 0)
			if errno == 0 {
				break
			}
		}
	}
}
