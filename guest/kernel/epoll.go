package kernel

// The network poller of the Go runtime: one epoll set. What is known about
// the devices comes from POLL hypercalls.

const (
	epollIn   = 1
	epollOut  = 4
	epollEdge = 1 << 31
)

// epollEvent is struct epoll_event of x86-64: packed.
type epollEvent struct {
	events uint32
	data   [8]byte
}

// pollGap is how long a look at the devices stays good for callers that will
// not sleep anyway.
const pollGap = 100 * 1000 // ns

var (
	deviceReady uint64 // handles known to be readable: a read has not come back empty since
	lastPoll    int64
)

func sysEpollCtl(op, fd, event uintptr) int64 {
	const add, del, mod = 1, 2, 3
	f := fileAt(fd)
	if f == nil {
		return eBADF
	}
	if f.kind == fileConsole || f.kind == fileBlock || f.kind == fileEpoll {
		return ePERM
	}
	switch op {
	case add, mod:
		e := at[epollEvent](event)
		f.interest, f.reported = e.events, false
		f.data = *at[uint64](addrOf(&e.data))
	case del:
		f.interest = 0
	default:
		return eINVAL
	}
	return 0
}

// readable says whether a read of the file would give something.
func (f *file) readable() bool {
	if f.kind == fileEvent {
		return f.count != 0
	}
	return deviceReady&f.set != 0
}

// collectEvents stores the events that have come and were not reported yet.
func collectEvents(buf uintptr, limit int) int64 {
	n := 0
	for fd := 3; fd < maxFiles && n < limit; fd++ {
		f := &files[fd]
		if f.interest == 0 || f.reported || !f.readable() {
			continue
		}
		f.reported = f.interest&epollEdge != 0
		e := at[epollEvent](buf + uintptr(n)*sizeOf[epollEvent]())
		e.events = f.interest & (epollIn | epollOut)
		*at[uint64](addrOf(&e.data)) = f.data
		n++
	}
	return int64(n)
}

// wanted is the set of devices somebody waits for and that are not known to
// be ready.
func wanted() uint64 {
	set := uint64(0)
	for fd := 3; fd < maxFiles; fd++ {
		if f := &files[fd]; f.interest != 0 && !f.reported {
			set |= f.set
		}
	}
	return set &^ deviceReady
}

// pollDevices asks the tender, sleeping for at most timeout nanoseconds.
func pollDevices(timeout int64) {
	deviceReady |= hostPoll(timeout, wanted())
	lastPoll = monotonic()
	wakePollers()
}

// wakePollers readies the threads in epoll_wait for which there are events.
func wakePollers() {
	for a := allThreads; a != 0; {
		t := at[thread](a)
		a = t.all
		if t.state != threadEpoll {
			continue
		}
		if n := collectEvents(t.events, t.maxEvents); n != 0 {
			wake(t, n)
		}
	}
}

func sysEpollWait(buf uintptr, limit int, timeoutMillis int32) int64 {
	if limit <= 0 {
		return eINVAL
	}
	n := collectEvents(buf, limit)
	if n != 0 {
		return n
	}
	if timeoutMillis == 0 {
		if wanted() == 0 || monotonic()-lastPoll < pollGap {
			return 0
		}
		pollDevices(0)
		return collectEvents(buf, limit)
	}
	t := self()
	t.events, t.maxEvents = buf, limit
	deadline := never
	if timeoutMillis > 0 {
		deadline = deadlineIn(int64(timeoutMillis) * 1000000)
	}
	block(threadEpoll, deadline)
	return 0
}
