package kernel

import "testing"

// epollFD is the epoll set of the tests.
var epollFD uintptr

// startFiles makes the files as after boot, with an epoll set and no device
// being ready.
func startFiles(t *testing.T) (buf uintptr) {
	startThreads(t, 1)
	resetFiles()
	t.Cleanup(resetFiles)
	epollFD = uintptr(sysEpollCreate(openCloexec))
	if epollFD != 3 {
		t.Fatalf("the first descriptor is %d", epollFD)
	}
	return mapRegion(t, 16*pageSize)
}

func resetFiles() {
	clear(bytesAt(addrOf(&table), sizeOf[struct {
		_ slotPage
		_ [maxFiles / slotsPerPage]uintptr
		_ [maxFiles / 64]uint64
		_ [maxFiles / 64 / 64]uint64
	}]()))
	fileCache, setCache, interestCache, pipeCache = cache[file]{}, cache[pollSet]{}, cache[interest]{}, cache[pipe]{}
	nodeCache, entryCache, nameCache = cache[node]{}, cache[entry]{}, cache[longName]{}
	names.buckets, umask = 0, 0o022
	deviceFiles, deviceReady, opened = 0, 0, 0
	sockets, upHead, upTail, retries = 0, 0, 0, false
	lastPoll = maxTime // no look at the devices: that would be a hypercall
	fileInit()
}

func open(t *testing.T, kind uint8) (uintptr, *file) {
	t.Helper()
	fd, f := openFile(kind, openReadWrite|openNonblock)
	if f == nil {
		t.Fatal("no descriptor")
	}
	if kind == filePoll || kind == fileNet {
		listDevice(f)
	}
	return uintptr(fd), f
}

// watch registers a descriptor, with itself as data.
func watch(t *testing.T, buf, fd uintptr, events uint32) {
	t.Helper()
	e := at[epollEvent](buf)
	e.events = events
	*at[uint64](addrOf(&e.data)) = uint64(fd)
	if r := sysEpollCtl(epollFD, 1, fd, buf); r != 0 {
		t.Fatalf("epoll_ctl: %d", r)
	}
}

// events collects what there is: descriptors and their events.
func events(t *testing.T, buf uintptr) map[uint64]uint32 {
	t.Helper()
	got := map[uint64]uint32{}
	n := sysEpollWait(epollFD, buf, 10, 0)
	if n < 0 {
		t.Fatalf("epoll_wait: %d", n)
	}
	for i := range uintptr(n) {
		e := at[epollEvent](buf + i*sizeOf[epollEvent]())
		got[*at[uint64](addrOf(&e.data))] = e.events
	}
	return got
}

// An eventfd is watched level-triggered by the runtime: it is reported until
// it is read, and only for reading.
func TestEventLevel(t *testing.T) {
	buf := startFiles(t)
	fd, _ := open(t, fileEvent)
	watch(t, buf, fd, epollIn)
	if got := events(t, buf); len(got) != 0 {
		t.Errorf("events %v before a write", got)
	}
	one := buf + 2048
	*at[uint64](one) = 1
	for range 2 {
		if r := sysWrite(fd, one, 8); r != 8 {
			t.Fatalf("write: %d", r)
		}
	}
	for range 3 {
		if got := events(t, buf); len(got) != 1 || got[uint64(fd)] != epollIn {
			t.Errorf("events %v, want one for reading", got)
		}
	}
	if r := sysRead(fd, one, 8); r != 8 || *at[uint64](one) != 2 {
		t.Errorf("read: %d, %d", r, *at[uint64](one))
	}
	if got := events(t, buf); len(got) != 0 {
		t.Errorf("events %v after the read", got)
	}
	if r := sysRead(fd, one, 8); r != eAGAIN {
		t.Errorf("second read: %d", r)
	}
	for _, n := range []uintptr{0, 7} {
		if r, w := sysRead(fd, one, n), sysWrite(fd, one, n); r != eINVAL || w != eINVAL {
			t.Errorf("%d bytes: %d, %d", n, r, w)
		}
	}
}

// arrive is what pollDevices does with the answer of the tender.
func arrive(set uint64) {
	deviceReady |= set
	for a := deviceFiles; a != 0; a = at[file](a).nextDevice {
		if at[file](a).count&set != 0 {
			notify(at[file](a))
		}
	}
}

// A device is reported once for each time it becomes ready.
func TestDeviceEdge(t *testing.T) {
	buf := startFiles(t)
	fd, f := open(t, filePoll)
	f.count = 1<<3 | 1<<5
	if wanted() != 0 {
		t.Errorf("wanted %b before anybody watches", wanted())
	}
	watch(t, buf, fd, epollIn|epollEdge)
	if wanted() != f.count {
		t.Errorf("wanted %b", wanted())
	}
	if got := events(t, buf); len(got) != 0 {
		t.Errorf("events %v of idle devices", got)
	}
	arrive(1 << 5)
	if wanted() != 1<<3 {
		t.Errorf("wanted %b, with a device ready", wanted())
	}
	if got := events(t, buf); got[uint64(fd)] != epollIn {
		t.Errorf("events %v", got)
	}
	if got := events(t, buf); len(got) != 0 {
		t.Errorf("events %v a second time", got)
	}
	word := buf + 2048
	if r := sysRead(fd, word, 8); r != 8 || *at[uint64](word) != 1<<5 {
		t.Errorf("read: %d, %b", r, *at[uint64](word))
	}
	deviceReady = 0
	if r := sysRead(fd, word, 8); r != eAGAIN {
		t.Errorf("read with nothing ready: %d", r)
	}
	arrive(1 << 3)
	if got := events(t, buf); len(got) != 1 {
		t.Errorf("events %v after an empty read", got)
	}
	arrive(1 << 5)
	if r := sysEpollCtl(epollFD, 2, fd, 0); r != 0 {
		t.Errorf("delete: %d", r)
	}
	if got := events(t, buf); len(got) != 0 || wanted() != 0 {
		t.Errorf("events %v of a descriptor that is not watched", got)
	}
}

// A thread that waits is woken by an event, with the event.
func TestPollerWoken(t *testing.T) {
	buf := startFiles(t)
	fd, _ := open(t, fileEvent)
	watch(t, buf, fd, epollIn)
	waiter := self()
	if r := sysEpollWait(epollFD, buf, 1, -1); r != 0 {
		t.Fatalf("epoll_wait: %d", r)
	}
	schedule()
	if self() == waiter {
		t.Fatal("the waiter still runs")
	}
	*at[uint64](buf + 2048) = 1
	if r := sysWrite(fd, buf+2048, 8); r != 8 {
		t.Fatalf("write: %d", r)
	}
	if waiter.state != threadRunnable || waiter.ax != 1 || *at[uint64](buf + 4) != uint64(fd) {
		t.Errorf("the waiter has state %d, result %d", waiter.state, waiter.ax)
	}
}

func TestFileCalls(t *testing.T) {
	buf := startFiles(t)
	event, _ := open(t, fileEvent)
	block, _ := open(t, fileBlock)
	for _, c := range []struct {
		what string
		got  int64
		want int64
	}{
		{"read of a closed file", sysRead(100, buf, 8), eBADF},
		{"read of a huge descriptor", sysRead(^uintptr(0), buf, 8), eBADF},
		{"write to a closed file", sysWrite(100, buf, 8), eBADF},
		{"read of the console", sysRead(0, buf, 8), 0},
		{"empty write to the console", sysWrite(1, buf, 0), 0},
		{"read of a block device", sysRead(block, buf, 512), eINVAL},
		{"pread of an eventfd", sysTransfer(false, event, buf, 512, 0), eSPIPE},
		{"epoll_ctl of the console", sysEpollCtl(epollFD, 1, 1, buf), ePERM},
		{"epoll_ctl of a block device", sysEpollCtl(epollFD, 1, block, buf), ePERM},
		{"epoll_ctl of a closed file", sysEpollCtl(epollFD, 1, 99, buf), eBADF},
		{"epoll_ctl with an unknown operation", sysEpollCtl(epollFD, 9, event, buf), eINVAL},
		{"epoll_wait for nothing", sysEpollWait(epollFD, buf, 0, 0), eINVAL},
		{"ioctl of the console", sysIoctl(1, 0x5401, buf), eNOTTY},
		{"fcntl of a closed file", sysFcntl(99, 3, 0), eBADF},
		{"fcntl F_GETFL of the console", sysFcntl(1, 3, 0), 2},
		{"fcntl F_GETFL of an eventfd", sysFcntl(event, 3, 0), 0x802},
		{"fcntl with an unknown command", sysFcntl(event, 77, 0), eINVAL},
		{"close", sysClose(event), 0},
		{"close twice", sysClose(event), eBADF},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
}
