package kernel

// Waiting for files. A system call that cannot go on until something happens
// to a file suspends its thread, and is made again then, from the registers
// as the thread left them.

// States of threads that wait here.
const (
	threadWaits    = 16 + iota // until something happens to the file at thread.futex
	threadRetries              // something has happened: the call is to be made again
	threadHandsUp              // its call waits to be read from /dev/sockets
	threadHandedUp             // its call was read there; thread.futex is the record's id
)

// suspended is the result of a system call whose thread waits now; its
// registers still hold the call.
const suspended = -513

// retries says that there are threads that retry.
var retries bool

// orWait suspends the calling thread where a file that may block has nothing
// to give or no room now.
func (f *file) orWait(r int64) int64 {
	if r != eAGAIN || f.flags&openNonblock != 0 {
		return r
	}
	f.waits = true
	self().futex = addrOf(f)
	block(threadWaits, never)
	return suspended
}

// endWaits makes the threads that wait for a file try again.
func endWaits(f *file) {
	for a := allThreads; a != 0; {
		t := at[thread](a)
		a = t.all
		if t.state == threadWaits && t.futex == addrOf(f) {
			t.state = threadRetries
			retries = true
		}
	}
}

// abandonWaits ends the waits for a descriptor that is being closed.
func abandonWaits(fd uintptr, f *file) {
	if !f.waits {
		return
	}
	for a := allThreads; a != 0; {
		t := at[thread](a)
		a = t.all
		if (t.state == threadWaits || t.state == threadRetries) && t.futex == addrOf(f) && uintptr(t.di) == fd {
			wake(t, eBADF)
		}
	}
}

// interrupt ends the system call in which a thread waits, as a signal does. A
// call that was handed up goes on: its answer would be lost.
func interrupt(t *thread) {
	switch t.state {
	case threadFutex, threadSleep, threadEpoll, threadWaits, threadRetries:
		wake(t, eINTR)
	}
}

// retry makes the calls again for which something has happened.
func retry() {
	caller := current
	for retries {
		retries = false
		for a := allThreads; a != 0; {
			t := at[thread](a)
			a = t.all
			if t.state != threadRetries {
				continue
			}
			current = addrOf(t)
			if r := dispatch(t); r != suspended {
				wake(t, r)
			}
		}
	}
	current = caller
}
