package kernel

import (
	"testing"

	"tender/abi"
)

// openDev opens a path of the kernel.
func openDev(t *testing.T, buf uintptr, path string, flags uintptr) int64 {
	t.Helper()
	b := bytesAt(buf, uintptr(len(path))+1)
	b[copy(b, path)] = 0
	return sysOpen(atCWD, buf, flags, 0)
}

// Readiness of a socket is reported once per edge and never lost.
func TestSocketReady(t *testing.T) {
	buf := startFiles(t)
	fd := uintptr(openDev(t, buf, abi.SocketPath, openNonblock))
	want := func(what string, ready uint32) {
		t.Helper()
		if got := events(t, buf); got[uint64(fd)] != ready {
			t.Errorf("%s: %#x", what, got)
		}
	}
	ready := func(fd uintptr, events uintptr) {
		t.Helper()
		if r := sysIoctl(fd, abi.IoctlSocketReady, events); r != 0 {
			t.Errorf("ioctl: %d", r)
		}
	}
	ready(fd, epollOut)
	watch(t, buf, fd, epollIn|epollOut|epollRdhup|epollEdge)
	want("told before it was registered", epollOut)
	want("reported", 0)
	ready(fd, epollIn)
	ready(fd, epollRdhup)
	want("two edges", epollIn|epollRdhup)
	want("reported", 0)
	ready(fd, epollIn)
	want("the same edge again", epollIn)
	dup := uintptr(sysIoctl(fd, abi.IoctlSocketDup, 20))
	if dup != 20 || sysFcntl(dup, 1, 0) != 1 {
		t.Errorf("duplicate %d", dup)
	}
	ready(dup, epollHup)
	want("by another descriptor", epollHup)
	if r := sysIoctl(fd, abi.IoctlSocketDupTo, dup+1); r != int64(dup)+1 {
		t.Errorf("IoctlSocketDupTo: %d", r)
	}
	for _, fd := range []uintptr{dup, dup + 1, fd} {
		if r := sysIoctl(fd, abi.IoctlSocketClose, 0); r != 0 {
			t.Errorf("close: %d", r)
		}
	}
	if r := sysIoctl(fd, abi.IoctlSocketReady, epollIn); r != eBADF {
		t.Errorf("ready after close: %d", r)
	}

	fd = uintptr(openDev(t, buf, abi.SocketPath, 0))
	watch(t, buf, fd, epollIn|epollEdge)
	waiter := call(281, epollFD, buf, 10, ^uintptr(0))
	ready(fd, epollIn)
	if waiter.state != threadRunnable || waiter.ax != 1 {
		t.Errorf("waiter: state %d, result %d", waiter.state, int64(waiter.ax))
	}
}

// Without a socket layer there are no sockets, and nothing hangs.
func TestNoSocketLayer(t *testing.T) {
	buf := startFiles(t)
	fd := uintptr(openDev(t, buf, abi.SocketPath, 0))
	for _, c := range []struct {
		nr   uint64
		fd   uintptr
		want int64
	}{
		{41, 2, eAFNOSUPPORT}, {53, 2, eAFNOSUPPORT},
		{42, fd, eNOTSOCK}, {288, 1, eNOTSOCK}, {49, 99, eBADF},
		{0, fd, eNOTSOCK}, {1, fd, eNOTSOCK}, {16, fd, eNOTTY},
		{32, fd, int64(fd) + 1}, {3, fd + 1, 0}, {3, fd, 0}, {3, fd, eBADF},
	} {
		if th := call(c.nr, c.fd, buf, 8); int64(th.ax) != c.want {
			t.Errorf("call %d: %d, want %d", c.nr, int64(th.ax), c.want)
		}
	}
}

// Calls are handed up in order, each thread waits for its own answer.
func TestHandUp(t *testing.T) {
	startThreads(t, 5)
	buf := startFiles(t)
	for range 4 {
		sysClone(0x100, 0x1000, 0)
	}
	fd := uintptr(openDev(t, buf, abi.SocketPath, 0))
	dev := uintptr(openDev(t, buf, abi.SocketsPath, openNonblock))
	if r := openDev(t, buf, abi.SocketsPath, openNonblock); r != eBUSY {
		t.Errorf("opened twice: %d", r)
	}
	watch(t, buf, dev, epollIn|epollEdge)
	if r := sysRead(dev, buf, 64); r != eAGAIN {
		t.Errorf("no call: %d", r)
	}
	if r := sysRead(dev, buf, 63); r != eINVAL {
		t.Errorf("short read: %d", r)
	}
	numbers := []uint64{41, 45, 1}
	var callers []*thread
	for _, nr := range numbers {
		th := call(nr, fd, 2, 3, 4, 5, 6)
		if th.state != threadHandsUp {
			t.Fatalf("call %d did not wait: %d", nr, int64(th.ax))
		}
		callers = append(callers, th)
	}
	if got := events(t, buf); got[uint64(dev)] != epollIn {
		t.Errorf("events %v", got)
	}
	var ids []uint64
	for _, nr := range numbers {
		if r := sysRead(dev, buf, 100); r != 64 {
			t.Fatalf("read: %d", r)
		}
		c := *at[abi.SocketCall](buf)
		if c.Number != nr || c.Args != [6]uint64{uint64(fd), 2, 3, 4, 5, 6} {
			t.Errorf("call %+v", c)
		}
		ids = append(ids, c.ID)
	}
	if r := sysRead(dev, buf, 64); r != eAGAIN {
		t.Errorf("no more calls: %d", r)
	}
	for _, i := range []int{1, 0} {
		*at[abi.SocketReply](buf) = abi.SocketReply{ID: ids[i], Result: int64(-i - 7)}
		if r := sysIoctl(dev, abi.IoctlSocketReply, buf); r != 0 {
			t.Errorf("reply: %d", r)
		}
		if r := sysIoctl(dev, abi.IoctlSocketReply, buf); r != eINVAL {
			t.Errorf("second reply: %d", r)
		}
		if th := callers[i]; th.state != threadRunnable || int64(th.ax) != int64(-i-7) {
			t.Errorf("caller %d: state %d, result %d", i, th.state, int64(th.ax))
		}
	}
	closer := call(3, fd)
	if closer.state != threadHandsUp {
		t.Errorf("close was not handed up: %d", int64(closer.ax))
	}
	sysClose(dev)
	for _, th := range []*thread{closer, callers[2]} {
		if th.state != threadRunnable || int64(th.ax) != eNETDOWN {
			t.Errorf("when the device was closed: state %d, result %d", th.state, int64(th.ax))
		}
	}
}
