package kernel

// epoll: what the network poller of the Go runtime uses. Each set has a list
// of the registrations that may have something to report, so that a wait
// costs nothing for files nothing has happened to.

const (
	epollIn      = 0x1
	epollOut     = 0x4
	epollErr     = 0x8
	epollHup     = 0x10
	epollRdhup   = 0x2000
	epollOneshot = 1 << 30
	epollEdge    = 1 << 31

	epollAlways = epollErr | epollHup // reported whether wanted or not
)

// epollEvent is struct epoll_event of x86-64: packed.
type epollEvent struct {
	events uint32
	data   [8]byte
}

// pollSet is the object of a fileEpoll.
type pollSet struct {
	head, tail uintptr // *interest: those that may have something to report
	members    uintptr // *interest: all of them
}

// interest is the registration of a descriptor with a set.
type interest struct {
	set    uintptr // *pollSet
	file   uintptr // *file
	fd     uintptr
	events uint32 // wanted, with epollEdge and epollOneshot
	edges  uint32 // of a socket: what was not reported yet
	data   uint64
	queued bool

	next           uintptr // of the file
	member, before uintptr // of the set: next and previous
	later, sooner  uintptr // in the list of the set's ready ones
}

var (
	setCache      cache[pollSet]
	interestCache cache[interest]
)

func sysEpollCreate(flags uintptr) int64 {
	if flags&^openCloexec != 0 {
		return eINVAL
	}
	s := setCache.get()
	if s == nil {
		return eNOMEM
	}
	fd, f := openFile(fileEpoll, openReadWrite|uint32(flags))
	if f == nil {
		setCache.put(s)
		return fd
	}
	f.object = addrOf(s)
	return fd
}

func closePollSet(f *file) {
	s := at[pollSet](f.object)
	if s == nil {
		return
	}
	for s.members != 0 {
		in := at[interest](s.members)
		in.unlink(at[file](in.file))
	}
	setCache.put(s)
}

// interestOf is the registration of a descriptor with the set, or nil.
func (s *pollSet) interestOf(fd uintptr, f *file) *interest {
	for a := f.interests; a != 0; {
		in := at[interest](a)
		if in.set == addrOf(s) && in.fd == fd {
			return in
		}
		a = in.next
	}
	return nil
}

// unlink ends a registration.
func (in *interest) unlink(f *file) {
	s := at[pollSet](in.set)
	s.unqueue(in)
	if in.before != 0 {
		at[interest](in.before).member = in.member
	} else {
		s.members = in.member
	}
	if in.member != 0 {
		at[interest](in.member).before = in.before
	}
	for link := &f.interests; *link != 0; link = &at[interest](*link).next {
		if *link == addrOf(in) {
			*link = in.next
			break
		}
	}
	interestCache.put(in)
}

// dropInterests ends what is registered for a descriptor that is closed.
// (Linux keeps a registration until the last descriptor of the file is closed,
// with no way to remove it meanwhile.)
func dropInterests(fd uintptr, f *file) {
	for a := f.interests; a != 0; {
		in := at[interest](a)
		a = in.next
		if in.fd == fd {
			in.unlink(f)
		}
	}
}

func (s *pollSet) queue(in *interest) {
	if in.queued {
		return
	}
	in.queued, in.later, in.sooner = true, 0, s.tail
	if s.tail != 0 {
		at[interest](s.tail).later = addrOf(in)
	} else {
		s.head = addrOf(in)
	}
	s.tail = addrOf(in)
}

func (s *pollSet) unqueue(in *interest) {
	if !in.queued {
		return
	}
	in.queued = false
	if in.sooner != 0 {
		at[interest](in.sooner).later = in.later
	} else {
		s.head = in.later
	}
	if in.later != 0 {
		at[interest](in.later).sooner = in.sooner
	} else {
		s.tail = in.sooner
	}
}

func sysEpollCtl(epfd, op, fd, event uintptr) int64 {
	const add, del, mod = 1, 2, 3
	ep, f := fileAt(epfd), fileAt(fd)
	if ep == nil || f == nil {
		return eBADF
	}
	if ep.kind != fileEpoll {
		return eINVAL
	}
	if !f.pollable() {
		return ePERM
	}
	s := at[pollSet](ep.object)
	in := s.interestOf(fd, f)
	switch op {
	case add:
		if in != nil {
			return eEXIST
		}
		if in = interestCache.get(); in == nil {
			return eNOMEM
		}
		in.set, in.file, in.fd = addrOf(s), addrOf(f), fd
		in.next = f.interests
		f.interests = addrOf(in)
		in.member = s.members
		if s.members != 0 {
			at[interest](s.members).before = addrOf(in)
		}
		s.members = addrOf(in)
	case mod:
		if in == nil {
			return eNOENT
		}
	case del:
		if in == nil {
			return eNOENT
		}
		in.unlink(f)
		return 0
	default:
		return eINVAL
	}
	e := at[epollEvent](event)
	in.events, in.data = e.events, *at[uint64](addrOf(&e.data))
	if f.kind == fileSocket {
		in.edges = uint32(f.count)
	}
	s.queue(in) // a wait finds out whether there is something
	wakePollers(s)
	return 0
}

// pollable says whether a file can be registered. Those that cannot never make
// a thread wait.
func (f *file) pollable() bool {
	switch f.kind {
	case fileEvent, fileNet, filePoll, filePipeReader, filePipeWriter, fileSocket, fileSockets:
		return true
	}
	return false
}

// take is what a registration has to report, once if it is edge-triggered.
func (in *interest) take() uint32 {
	f := at[file](in.file)
	if in.events&^(epollEdge|epollOneshot) == 0 {
		return 0 // used up
	}
	ready := in.edges
	if f.kind != fileSocket {
		ready = f.poll()
	}
	ready &= in.events | epollAlways
	if ready != 0 {
		in.edges = 0
		if in.events&epollOneshot != 0 {
			in.events &= epollEdge | epollOneshot
		}
	}
	return ready
}

// collect stores at most limit events, oldest first. What is level-triggered
// goes to the end of the list, to be looked at again.
func (s *pollSet) collect(buf uintptr, limit int) int64 {
	n := 0
	last := s.tail
	for s.head != 0 && n < limit {
		in := at[interest](s.head)
		s.unqueue(in)
		if ready := in.take(); ready != 0 {
			e := at[epollEvent](buf + uintptr(n)*sizeOf[epollEvent]())
			e.events = ready
			*at[uint64](addrOf(&e.data)) = in.data
			n++
			if in.events&(epollEdge|epollOneshot) == 0 && at[file](in.file).kind != fileSocket {
				s.queue(in)
			}
		}
		if addrOf(in) == last {
			break
		}
	}
	return int64(n)
}

// notify tells of a change of what a file is ready for: to the sets it is
// registered with, and to the threads that are suspended on it.
func notify(f *file) {
	for a := f.interests; a != 0; {
		in := at[interest](a)
		a = in.next
		s := at[pollSet](in.set)
		s.queue(in)
		wakePollers(s)
	}
	if f.waits {
		f.waits = false
		endWaits(f)
	}
}

// wakePollers readies the threads in epoll_wait for which there are events.
func wakePollers(s *pollSet) {
	for a := allThreads; a != 0 && s.head != 0; {
		t := at[thread](a)
		a = t.all
		if t.state != threadEpoll || t.futex != addrOf(s) {
			continue
		}
		if n := s.collect(t.events, t.maxEvents); n != 0 {
			wake(t, n)
		}
	}
}

func sysEpollWait(epfd, buf uintptr, limit int, timeoutMillis int32) int64 {
	ep := fileAt(epfd)
	if ep == nil {
		return eBADF
	}
	if ep.kind != fileEpoll || limit <= 0 {
		return eINVAL
	}
	s := at[pollSet](ep.object)
	n := s.collect(buf, limit)
	if n != 0 {
		return n
	}
	if timeoutMillis == 0 {
		if !lookAtDevices() {
			return 0
		}
		return s.collect(buf, limit)
	}
	t := self()
	t.events, t.maxEvents, t.futex = buf, limit, addrOf(s)
	deadline := never
	if timeoutMillis > 0 {
		deadline = deadlineIn(int64(timeoutMillis) * 1000000)
	}
	block(threadEpoll, deadline)
	return 0
}
