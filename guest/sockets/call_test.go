package sockets

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"syscall"
	"testing"
	"unsafe"
)

// raw makes a call with registers; arguments are integers or pointers.
func (h *host) raw(nr uintptr, args ...any) (uintptr, syscall.Errno) {
	var a [6]uintptr
	for i, v := range args {
		switch v := v.(type) {
		case int:
			a[i] = uintptr(v)
		case uintptr:
			a[i] = v
		case []byte:
			a[i] = uintptr(unsafe.Pointer(unsafe.SliceData(v)))
		case unsafe.Pointer:
			a[i] = uintptr(v)
		}
	}
	r, errno := h.Raw(nr, a)
	runtime.KeepAlive(args)
	return r, errno
}

func TestRawCalls(t *testing.T) {
	h := newHost(t)
	ok := func(r uintptr, errno syscall.Errno) int {
		t.Helper()
		must(t, errno)
		return int(r)
	}
	l := ok(h.raw(syscall.SYS_SOCKET, syscall.AF_INET, syscall.SOCK_STREAM, 0))
	ok(h.raw(syscall.SYS_SETSOCKOPT, l, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, []byte{1, 0, 0, 0}, 4))
	ok(h.raw(syscall.SYS_BIND, l, at("127.0.0.1:5000"), 16))
	ok(h.raw(syscall.SYS_LISTEN, l, 5))
	c := ok(h.raw(syscall.SYS_SOCKET, syscall.AF_INET, syscall.SOCK_STREAM, 0))
	ok(h.raw(syscall.SYS_CONNECT, c, at("127.0.0.1:5000"), 16))
	addr, n := make([]byte, 128), int32(128)
	s := ok(h.raw(syscall.SYS_ACCEPT4, l, addr, unsafe.Pointer(&n), syscall.SOCK_NONBLOCK))
	own, m := make([]byte, 10), int32(10)
	ok(h.raw(syscall.SYS_GETSOCKNAME, c, own, unsafe.Pointer(&m)))
	if n != 16 || m != 16 || !bytes.Equal(addr[:10], own) {
		t.Error("peer:", addr[:n], "own name:", own, m)
	}
	n = 128
	ok(h.raw(syscall.SYS_GETPEERNAME, c, addr, unsafe.Pointer(&n)))
	if text(addr[:n]) != "127.0.0.1:5000" {
		t.Error(text(addr[:n]))
	}
	value, n := make([]byte, 4), int32(2)
	ok(h.raw(syscall.SYS_GETSOCKOPT, c, syscall.SOL_SOCKET, syscall.SO_TYPE, value, unsafe.Pointer(&n)))
	if n != 2 || value[0] != syscall.SOCK_STREAM {
		t.Error(value, n)
	}

	parts := []syscall.Iovec{{Base: &[]byte("ab")[0], Len: 2}, {}, {Base: &[]byte("cde")[0], Len: 3}}
	if n := ok(h.raw(syscall.SYS_WRITEV, c, unsafe.Pointer(&parts[0]), 3)); n != 5 {
		t.Error(n)
	}
	if n := ok(h.raw(syscall.SYS_WRITE, c, []byte("fg"), 2)); n != 2 {
		t.Error(n)
	}
	settle(t, "seven bytes", func() bool {
		var n int32
		ok(h.raw(syscall.SYS_IOCTL, s, ioctlBytesReadable, unsafe.Pointer(&n)))
		return n == 7
	})
	buf := make([]byte, 8)
	in := []syscall.Iovec{{Base: &buf[0], Len: 3}, {Base: &buf[3], Len: 1}}
	if n := ok(h.raw(syscall.SYS_READV, s, unsafe.Pointer(&in[0]), 2)); n != 4 || string(buf[:4]) != "abcd" {
		t.Error(n, string(buf))
	}
	n = 16
	if got := ok(h.raw(syscall.SYS_RECVFROM, s, buf, 8, syscall.MSG_DONTWAIT, addr, unsafe.Pointer(&n))); got != 3 || n != 0 {
		t.Error(got, n)
	}
	if _, errno := h.raw(syscall.SYS_READ, s, buf, 8); errno != syscall.EAGAIN {
		t.Error(errno)
	}
	if flags := ok(h.raw(syscall.SYS_FCNTL, s, syscall.F_GETFL, 0)); flags != syscall.O_RDWR|syscall.O_NONBLOCK {
		t.Errorf("%#x", flags)
	}
	d := ok(h.raw(syscall.SYS_FCNTL, s, syscall.F_DUPFD_CLOEXEC, 100))
	if d != 100 || ok(h.raw(syscall.SYS_DUP, s)) == s {
		t.Error(d)
	}
	var stat syscall.Stat_t
	ok(h.raw(syscall.SYS_FSTAT, d, unsafe.Pointer(&stat)))
	if stat.Mode&syscall.S_IFMT != syscall.S_IFSOCK {
		t.Errorf("%#o", stat.Mode)
	}
	ok(h.raw(syscall.SYS_SHUTDOWN, c, syscall.SHUT_WR))
	for _, fd := range []int{c, s, l, d} {
		ok(h.raw(syscall.SYS_CLOSE, fd))
	}
	var fds [2]int32
	ok(h.raw(syscall.SYS_SOCKETPAIR, syscall.AF_UNIX, syscall.SOCK_STREAM, 0, unsafe.Pointer(&fds)))
	ok(h.raw(syscall.SYS_WRITE, int(fds[0]), []byte("x"), 1))
	if n := ok(h.raw(syscall.SYS_READ, int(fds[1]), buf, 8)); n != 1 {
		t.Error(n)
	}
}

func TestRawMessages(t *testing.T) {
	h := newHost(t)
	s := h.bound(t, "127.0.0.1:5000")
	c := h.bound(t, "127.0.0.1:6000")
	must(t, h.SetOption(s, syscall.IPPROTO_IP, syscall.IP_PKTINFO, appendInt(nil, 1)))
	out := make([]mmsghdr, 3)
	for i := range out {
		out[i].header = syscall.Msghdr{
			Name: &at("127.0.0.1:5000")[0], Namelen: 16, Iovlen: 1,
			Iov: &syscall.Iovec{Base: &[]byte("xyz")[0], Len: uint64(i + 1)},
		}
	}
	if n, errno := h.raw(sysSendmmsg, c, unsafe.Pointer(&out[0]), 3, 0); n != 3 || errno != 0 || out[2].n != 3 {
		t.Fatal(n, errno, out[2].n)
	}
	in := make([]mmsghdr, 5)
	for i := range in {
		in[i].header = syscall.Msghdr{
			Name: &make([]byte, 30)[0], Namelen: 30, Iovlen: 1, Iov: &syscall.Iovec{Base: &make([]byte, 9)[0], Len: 9},
			Control: &make([]byte, 64)[0], Controllen: 64,
		}
	}
	if n, errno := h.raw(syscall.SYS_RECVMMSG, s, unsafe.Pointer(&in[0]), 2, 0, 0); n != 2 || errno != 0 || in[1].n != 2 {
		t.Fatal(n, errno, in[1].n)
	}
	if m := in[1].header; text(unsafe.Slice(m.Name, m.Namelen)) != "127.0.0.1:6000" || m.Controllen != 32 || m.Flags != 0 {
		t.Errorf("%+v", m)
	}
	if n, errno := h.raw(syscall.SYS_RECVMSG, s, unsafe.Pointer(&in[2].header), 0); n != 3 || errno != 0 {
		t.Error(n, errno)
	}
	if n, errno := h.raw(syscall.SYS_RECVMMSG, s, unsafe.Pointer(&in[0]), 5, 0, 0); errno != syscall.EAGAIN {
		t.Error(n, errno)
	}
	buf, n := make([]byte, 9), int32(16)
	addr := make([]byte, 16)
	if _, errno := h.raw(syscall.SYS_SENDTO, c, []byte("hello"), 5, 0, at("127.0.0.1:5000"), 16); errno != 0 {
		t.Error(errno)
	}
	if got, errno := h.raw(syscall.SYS_RECVFROM, s, buf, 9, 0, addr, unsafe.Pointer(&n)); got != 5 || errno != 0 || n != 16 || text(addr) != "127.0.0.1:6000" {
		t.Error(got, errno, n, addr)
	}
}

// TestRawBounds gives calls lengths and pointers that cannot be.
func TestRawBounds(t *testing.T) {
	h := newHost(t)
	fd := h.bound(t, "127.0.0.1:5000")
	n, negative := int32(16), int32(-1)
	addr, huge := make([]byte, 16), ^uintptr(0)
	message := func(change func(*syscall.Msghdr)) unsafe.Pointer {
		m := &syscall.Msghdr{Iov: &syscall.Iovec{}, Iovlen: 1}
		change(m)
		return unsafe.Pointer(m)
	}
	for i, test := range []struct {
		want syscall.Errno
		nr   uintptr
		args []any
	}{
		{syscall.EFAULT, syscall.SYS_READ, []any{fd, 0, 1}},
		{syscall.EFAULT, syscall.SYS_WRITE, []any{fd, 0, huge}},
		{syscall.EINVAL, syscall.SYS_WRITEV, []any{fd, addr, 1025}},
		{syscall.EFAULT, syscall.SYS_WRITEV, []any{fd, 0, 1}},
		{syscall.EINVAL, syscall.SYS_BIND, []any{fd, addr, 129}},
		{syscall.EINVAL, syscall.SYS_BIND, []any{fd, addr, huge}},
		{syscall.EINVAL, syscall.SYS_CONNECT, []any{fd, 0, 0}},
		{syscall.EFAULT, syscall.SYS_CONNECT, []any{fd, 0, 16}},
		{syscall.EFAULT, syscall.SYS_GETSOCKNAME, []any{fd, addr, 0}},
		{syscall.EINVAL, syscall.SYS_GETSOCKNAME, []any{fd, addr, unsafe.Pointer(&negative)}},
		{syscall.EFAULT, syscall.SYS_GETSOCKNAME, []any{fd, 0, unsafe.Pointer(&n)}},
		{syscall.EINVAL, syscall.SYS_GETSOCKOPT, []any{fd, 1, 3, addr, unsafe.Pointer(&negative)}},
		{syscall.EFAULT, syscall.SYS_GETSOCKOPT, []any{fd, 1, 3, addr, 0}},
		{syscall.EINVAL, syscall.SYS_SETSOCKOPT, []any{fd, 1, 2, addr, huge}},
		{syscall.EFAULT, syscall.SYS_SETSOCKOPT, []any{fd, 1, 2, 0, 4}},
		{syscall.EINVAL, syscall.SYS_SENDTO, []any{fd, addr, 1, 0, addr, 1 << 20}},
		{syscall.EFAULT, syscall.SYS_SENDMSG, []any{fd, 0, 0}},
		{syscall.EMSGSIZE, syscall.SYS_SENDMSG, []any{fd, message(func(m *syscall.Msghdr) { m.Iovlen = 1 << 60 }), 0}},
		{syscall.EINVAL, syscall.SYS_SENDMSG, []any{fd, message(func(m *syscall.Msghdr) { m.Iov.Len = 1 << 63 }), 0}},
		{syscall.EFAULT, syscall.SYS_SENDMSG, []any{fd, message(func(m *syscall.Msghdr) { m.Iov.Len = 1 }), 0}},
		{syscall.EINVAL, syscall.SYS_SENDMSG, []any{fd, message(func(m *syscall.Msghdr) { m.Namelen = 1 << 31 }), 0}},
		{syscall.ENOBUFS, syscall.SYS_SENDMSG, []any{fd, message(func(m *syscall.Msghdr) { m.Controllen = 1 << 40 }), 0}},
		{syscall.EFAULT, syscall.SYS_RECVMSG, []any{fd, message(func(m *syscall.Msghdr) { m.Controllen = 1 << 40 }), 0}},
		{syscall.EFAULT, sysSendmmsg, []any{fd, 0, 1, 0}},
		{syscall.EFAULT, syscall.SYS_SOCKETPAIR, []any{syscall.AF_UNIX, syscall.SOCK_STREAM, 0, 0}},
		{syscall.EFAULT, syscall.SYS_FSTAT, []any{fd, 0}},
		{syscall.EFAULT, syscall.SYS_IOCTL, []any{fd, ioctlBytesReadable, 0}},
		{syscall.ENOTTY, syscall.SYS_IOCTL, []any{fd, 0x5401, 0}},
		{syscall.EINVAL, syscall.SYS_FCNTL, []any{fd, 999, 0}},
		{syscall.EINVAL, syscall.SYS_FCNTL, []any{fd, syscall.F_DUPFD, -1}},
		{syscall.EINVAL, syscall.SYS_SHUTDOWN, []any{fd, 3}},
		{syscall.EOPNOTSUPP, syscall.SYS_LISTEN, []any{fd, 1}},
		{syscall.EOPNOTSUPP, syscall.SYS_ACCEPT, []any{fd, 0, 0}},
		{syscall.EINVAL, syscall.SYS_ACCEPT4, []any{fd, 0, 0, 1}},
		{syscall.EINVAL, syscall.SYS_SENDFILE, []any{fd, fd, 0, 1}},
		{syscall.ENOSYS, syscall.SYS_SPLICE, []any{fd, 0, fd, 0, 1, 0}},
	} {
		if r, errno := h.raw(test.nr, test.args...); errno != test.want || int(r) != -1 {
			t.Errorf("%d: call %d gives %d, %v, not %v", i, test.nr, int(r), errno, test.want)
		}
	}
	if m := newMessage(); m.Name != nil || m.Control != nil || m.one[0] != nil || len(m.many) != 0 {
		t.Errorf("a message in the pool still refers to memory: %+v", m)
	}
}

// FuzzCalls makes calls with arguments of any kind: none may panic, and what
// they write stays within the lengths given.
func FuzzCalls(f *testing.F) {
	f.Add(uint16(syscall.SYS_BIND), uint8(0), []byte("\x02\x00\x13\x88\x7f\x00\x00\x01"), uint64(16), uint64(0), uint64(0))
	f.Add(uint16(syscall.SYS_SETSOCKOPT), uint8(1), []byte{1, 0, 0, 0}, uint64(4), uint64(1), uint64(2))
	f.Add(uint16(syscall.SYS_GETSOCKOPT), uint8(2), []byte{1, 0, 0, 0}, uint64(4), uint64(6), uint64(11))
	f.Add(uint16(syscall.SYS_SENDMSG), uint8(1), control(syscall.IPPROTO_IP, syscall.IP_PKTINFO, packetInfo4(1, "127.0.0.1")), uint64(32), uint64(3), uint64(0))
	f.Add(uint16(syscall.SYS_RECVMSG), uint8(1), make([]byte, 64), uint64(32), uint64(3), uint64(2))
	f.Add(uint16(syscall.SYS_CONNECT), uint8(3), unixName("/x"), uint64(5), uint64(0), uint64(0))
	f.Add(uint16(syscall.SYS_SENDTO), uint8(4), request(syscall.RTM_GETLINK, syscall.NLM_F_DUMP, 1, 0), uint64(17), uint64(0), uint64(0))
	f.Add(uint16(syscall.SYS_IOCTL), uint8(0), make([]byte, 40), uint64(syscall.SIOCGIFINDEX), uint64(0), uint64(0))
	h := newHost(f)
	kinds := [][3]int{
		{syscall.AF_INET, syscall.SOCK_STREAM, 0}, {syscall.AF_INET, syscall.SOCK_DGRAM, 0},
		{syscall.AF_INET6, syscall.SOCK_STREAM, 0}, {syscall.AF_UNIX, syscall.SOCK_STREAM, 0},
		{syscall.AF_NETLINK, syscall.SOCK_RAW, 0}, {syscall.AF_INET6, syscall.SOCK_DGRAM, 0},
		{syscall.AF_UNIX, syscall.SOCK_DGRAM, 0}, {syscall.AF_INET, syscall.SOCK_DGRAM, syscall.IPPROTO_ICMP},
	}
	f.Fuzz(func(t *testing.T, nr uint16, kind uint8, data []byte, x, y, z uint64) {
		k := kinds[int(kind)%len(kinds)]
		fd := h.open(t, k[0], k[1], k[2])
		defer h.Close(fd)
		const room, guard = 4096, 0xa5
		memory := bytes.Repeat([]byte{guard}, room+64)
		data = data[:min(len(data), room)]
		copy(memory, data)
		p := unsafe.Pointer(&memory[0])
		n := int32(min(x, room))
		switch uintptr(nr) {
		case syscall.SYS_READ, syscall.SYS_WRITE, syscall.SYS_BIND, syscall.SYS_CONNECT:
			h.raw(uintptr(nr), fd, p, int(n))
		case syscall.SYS_SENDTO:
			h.raw(uintptr(nr), fd, p, len(data), int(y|syscall.MSG_DONTWAIT), p, int(n))
		case syscall.SYS_RECVFROM:
			h.raw(uintptr(nr), fd, p, int(n), int(y|syscall.MSG_DONTWAIT), p, unsafe.Pointer(&n))
		case syscall.SYS_GETSOCKNAME, syscall.SYS_GETPEERNAME, syscall.SYS_ACCEPT, syscall.SYS_ACCEPT4:
			h.raw(uintptr(nr), fd, p, unsafe.Pointer(&n), int(y))
		case syscall.SYS_SETSOCKOPT:
			h.raw(uintptr(nr), fd, int(y), int(z), p, int(n))
		case syscall.SYS_GETSOCKOPT:
			h.raw(uintptr(nr), fd, int(y), int(z), p, unsafe.Pointer(&n))
		case syscall.SYS_SENDMSG, syscall.SYS_RECVMSG:
			m := &syscall.Msghdr{
				Name: &memory[0], Namelen: uint32(n), Control: &memory[0], Controllen: min(y, room),
				Iov: &syscall.Iovec{Base: &memory[0], Len: min(z, room)}, Iovlen: 1,
			}
			h.raw(uintptr(nr), fd, unsafe.Pointer(m), int(z|syscall.MSG_DONTWAIT))
		case syscall.SYS_IOCTL:
			h.raw(uintptr(nr), fd, int(x), p)
		case syscall.SYS_LISTEN, syscall.SYS_SHUTDOWN:
			h.raw(uintptr(nr), fd, int(x))
		case syscall.SYS_FCNTL:
			if r, errno := h.raw(uintptr(nr), fd, int(x), int(y)); errno == 0 && (x == syscall.F_DUPFD || x == syscall.F_DUPFD_CLOEXEC) {
				h.Close(int(r))
			}
		}
		for _, b := range memory[room:] {
			if b != guard {
				t.Fatal("memory beyond the argument was written")
			}
		}
	})
}

// FuzzControl reads control messages, and finds those again that it wrote.
func FuzzControl(f *testing.F) {
	f.Add(control(syscall.IPPROTO_IP, syscall.IP_TTL, appendInt(nil, 9)))
	f.Add(control(syscall.IPPROTO_IPV6, syscall.IPV6_PKTINFO, packetInfo6(2, "fe80::1")))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<63))
	f.Fuzz(func(t *testing.T, b []byte) {
		parseControl(b)
		checkUnixControl(b)
		m := &Message{Control: make([]byte, len(b))}
		for rest := b; len(rest) >= sizeofControl; {
			level, typ, data, more, errno := nextControl(rest)
			if errno != 0 {
				return
			}
			m.putControl(level, typ, data)
			rest = more
		}
		if m.ControlLen > len(b) {
			t.Fatal(m.ControlLen, len(b))
		}
	})
}
