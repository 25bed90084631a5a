package kernel

// Threads: what the Go runtime takes for operating system threads (its Ms).
// They take turns on the one vCPU and change only inside the kernel: when
// one blocks, yields or ends, when a sleeper's time has come, or at a tick.

// States of a thread.
const (
	threadFree = iota
	threadRunnable
	threadFutex
	threadSleep
	threadEpoll
)

type thread struct {
	registers // first: the assembly takes a *thread for its registers

	next      uintptr // *thread, in the run queue
	queued    bool    // it is in the run queue
	all       uintptr // *thread, in the list of all
	state     uint32
	tid       int32
	deadline  int64   // monotonic, or never; of a blocked thread
	futex     uintptr // word waited for
	events    uintptr // epoll_event buffer waited with
	maxEvents int

	save     uintptr // where vectors are kept, 64-aligned
	signals  uint64  // those that wait to be delivered
	sigmask  uint64
	altSP    uintptr
	altSize  uintptr
	altFlags uint32
}

// maxThreads bounds what a program can make the kernel allocate; the Go
// runtime itself stops at 10000.
const maxThreads = 10000

var (
	firstThread thread
	allThreads  uintptr // *thread
	freeThreads uintptr // *thread, those of them that have ended
	nextTID     int32
	threadCount int
	runHead     uintptr // *thread, oldest runnable
	runTail     uintptr
	resched     bool  // the caller shall give way
	nextWake    int64 // no sleeper's deadline is earlier; never if there is none
)

func threadInit() {
	t := &firstThread
	t.state, t.tid, t.deadline, t.altFlags = threadRunnable, 1, never, ssDisable
	t.save = align64(addrOf(&firstSave))
	allThreads, current = addrOf(t), addrOf(t)
	nextTID, threadCount, nextWake, freeThreads = 2, 1, never, 0
}

func self() *thread { return at[thread](current) }

// newThread returns a free thread, or nil when memory or maxThreads is used up.
func newThread() *thread {
	if threadCount >= maxThreads {
		return nil
	}
	if t := at[thread](freeThreads); t != nil {
		freeThreads = t.next
		return t
	}
	page := pages.alloc(0, pageSize, pageMapped)
	if page == 0 {
		return nil
	}
	t := at[thread](page)
	t.all, t.save = allThreads, page+saveOffset
	allThreads = page
	return t
}

const cloneSetTLS = 0x80000

// sysClone starts a thread that shares everything, as the Go runtime does.
func sysClone(flags, sp, tls uintptr) int64 {
	const cloneVM = 0x100
	if flags&cloneVM == 0 || sp == 0 {
		return eNOSYS // a process
	}
	parent := self()
	t := newThread()
	if t == nil {
		return eAGAIN
	}
	*t = thread{registers: parent.registers, all: t.all, save: t.save, tid: nextTID, deadline: never,
		sigmask: parent.sigmask, altFlags: ssDisable}
	nextTID++
	threadCount++
	t.ax, t.sp = 0, uint64(sp)
	if flags&cloneSetTLS != 0 {
		t.fs = uint64(tls)
	}
	ready(t)
	return int64(t.tid)
}

// ready puts a thread at the end of the run queue, where it is once: one that
// has just blocked may be woken before the kernel is left.
func ready(t *thread) {
	t.state, t.deadline = threadRunnable, never
	if t.queued {
		return
	}
	t.queued, t.next = true, 0
	if runTail != 0 {
		at[thread](runTail).next = addrOf(t)
	} else {
		runHead = addrOf(t)
	}
	runTail = addrOf(t)
}

// block suspends the calling thread until wake or the deadline.
func block(state uint32, deadline int64) {
	t := self()
	t.state, t.deadline = state, deadline
	if deadline != never && (nextWake == never || deadline < nextWake) {
		nextWake = deadline
	}
}

// wake makes a blocked thread runnable; its system call returns result.
func wake(t *thread, result int64) {
	t.ax = uint64(result)
	ready(t)
}

// wakeExpired readies all threads whose deadline has passed, and asks for a
// switch if there are any.
func wakeExpired(now int64) {
	if nextWake == never || nextWake > now {
		return
	}
	nextWake = never
	for a := allThreads; a != 0; {
		t := at[thread](a)
		a = t.all
		if t.state <= threadRunnable || t.deadline == never {
			continue
		}
		if t.deadline > now {
			if nextWake == never || t.deadline < nextWake {
				nextWake = t.deadline
			}
			continue
		}
		switch t.state {
		case threadFutex:
			wake(t, eTIMEDOUT)
		case threadSleep:
			wake(t, 0)
		case threadEpoll:
			wake(t, 0)
		}
		resched = true
	}
}

// schedule decides who runs when the kernel is left: the caller, unless it
// blocked, yielded, or a sleeper's time has come by the clock as last read.
func schedule() {
	if nextWake != never && nextWake <= clock {
		wakeExpired(clock)
	}
	t := self()
	if t.state == threadRunnable && !t.queued {
		if !resched {
			return
		}
		ready(t)
	}
	resched = false
	for runHead == 0 {
		idle()
	}
	t = at[thread](runHead)
	t.queued = false
	runHead = t.next
	if runHead == 0 {
		runTail = 0
	}
	current = addrOf(t)
}

// shortestSleep is that of a thread: mostly it is the Go runtime's monitor, which asks
// for 20 µs as long as goroutines come and go, and each time the guest would wake from
// its sleep in the tender.
const shortestSleep = 1000 * 1000

// maxIdle bounds one sleep.
const maxIdle = 3600 * second

// idle sleeps in the tender until a device is ready or a deadline has come.
func idle() {
	timeout := int64(maxIdle)
	if nextWake != never {
		timeout = max(0, nextWake-monotonic())
	}
	pollDevices(timeout)
	wakeExpired(monotonic())
	if tender.Stop != 0 {
		stop()
	}
	if retries {
		retry()
	}
}

func exitThread() {
	t := self()
	t.state, t.next = threadFree, freeThreads
	freeThreads = addrOf(t)
	threadCount--
}

func sysNanosleep(req uintptr) int64 {
	d, ok := at[timespec](req).nanos()
	if !ok {
		return eINVAL
	}
	block(threadSleep, sleepDeadline(d))
	return 0
}

func sleepDeadline(d int64) int64 {
	if d > 0 {
		d = max(d, shortestSleep)
	}
	return deadlineIn(d)
}

func sysClockNanosleep(id, flags, req uintptr) int64 {
	const absTime = 1
	if flags&absTime == 0 {
		return sysNanosleep(req)
	}
	t, ok := at[timespec](req).nanos()
	if !ok {
		return eINVAL
	}
	if id == 0 { // CLOCK_REALTIME
		t -= walltime() - monotonic()
	}
	block(threadSleep, max(0, t))
	return 0
}

// sysFutex knows FUTEX_WAIT and FUTEX_WAKE, which is what the Go runtime uses.
func sysFutex(word, op, value, timeout uintptr) int64 {
	const opMask, opWait, opWake = 0x7f, 0, 1
	switch op & opMask {
	case opWait:
		if *at[uint32](word) != uint32(value) {
			return eAGAIN
		}
		deadline := never
		if timeout != 0 {
			d, ok := at[timespec](timeout).nanos()
			if !ok {
				return eINVAL
			}
			deadline = deadlineIn(d)
		}
		self().futex = word
		block(threadFutex, deadline)
		return 0
	case opWake:
		woken := int64(0)
		for a := allThreads; a != 0 && woken < int64(int32(value)); {
			t := at[thread](a)
			a = t.all
			if t.state == threadFutex && t.futex == word {
				wake(t, 0)
				woken++
			}
		}
		return woken
	}
	return eNOSYS
}
