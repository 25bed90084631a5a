package kernel

import (
	"math/rand/v2"
	"testing"
)

// openPipe is the two ends of a pipe.
func openPipe(t *testing.T, buf, flags uintptr) (r, w uintptr) {
	t.Helper()
	if e := sysPipe(buf, flags); e != 0 {
		t.Fatalf("pipe2: %d", e)
	}
	fds := *at[[2]int32](buf)
	return uintptr(fds[0]), uintptr(fds[1])
}

// What goes in comes out, in order, whatever the sizes of reads and writes;
// a write of up to PIPE_BUF bytes is whole or not done.
func TestPipeStream(t *testing.T) {
	buf := startFiles(t)
	data := mapRegion(t, 128<<10)
	r, w := openPipe(t, buf, openNonblock)
	rnd := rand.New(rand.NewPCG(3, 4))
	var written, read byte
	count := uintptr(0)
	for step := range 20000 {
		n := uintptr(rnd.IntN(1 << rnd.IntN(18)))
		if rnd.IntN(2) == 0 {
			for i := range n {
				bytesAt(data, n)[i] = written + byte(i)
			}
			got := sysWrite(w, data, n)
			room := pipeSize - count
			want := int64(min(n, room))
			if n > 0 && (room == 0 || n <= pipeAtomic && n > room) {
				want = eAGAIN
			}
			if got != want {
				t.Fatalf("step %d: write of %d with room for %d: %d", step, n, room, got)
			}
			if got > 0 {
				written += byte(got)
				count += uintptr(got)
			}
			continue
		}
		got := sysRead(r, data, n)
		want := int64(min(n, count))
		if n > 0 && count == 0 {
			want = eAGAIN
		}
		if got != want {
			t.Fatalf("step %d: read of %d with %d there: %d", step, n, count, got)
		}
		for i := range max(got, 0) {
			if b := bytesAt(data, n)[i]; b != read+byte(i) {
				t.Fatalf("step %d: byte %d is %d, want %d", step, i, b, read+byte(i))
			}
		}
		if got > 0 {
			read += byte(got)
			count -= uintptr(got)
		}
	}
}

func TestPipeEnds(t *testing.T) {
	buf := startFiles(t)
	free := pages.free
	r, w := openPipe(t, buf, openNonblock)
	used := free - pages.free
	if e := sysWrite(w, buf, 5); e != 5 {
		t.Fatalf("write: %d", e)
	}
	if e := sysRead(w, buf, 5); e != eBADF {
		t.Errorf("read from the writing end: %d", e)
	}
	if e := sysWrite(r, buf, 5); e != eBADF {
		t.Errorf("write to the reading end: %d", e)
	}
	dup := uintptr(sysDup(w))
	sysClose(w)
	if e := sysRead(r, buf, 100); e != 5 {
		t.Errorf("read: %d", e)
	}
	if e := sysRead(r, buf, 100); e != eAGAIN {
		t.Errorf("end of file while there is a writer: %d", e)
	}
	sysClose(dup)
	if e := sysRead(r, buf, 100); e != 0 {
		t.Errorf("read after the last writer: %d", e)
	}
	sysClose(r)
	if got := free - pages.free; got != used {
		t.Errorf("%d pages are gone after the pipe, %d at its start", got, used)
	}
	r, w = openPipe(t, buf, 0)
	sysClose(r)
	if e := sysWrite(w, buf, 5); e != ePIPE {
		t.Errorf("write without a reader: %d", e)
	}
	if e := sysPipe(buf, 0x4000); e != eINVAL {
		t.Errorf("pipe2 with O_DIRECT: %d", e)
	}
}

func TestPipeEpoll(t *testing.T) {
	buf := startFiles(t)
	data := mapRegion(t, pipeSize)
	r, w := openPipe(t, buf, openNonblock)
	watch(t, buf, r, epollIn|epollRdhup|epollEdge)
	watch(t, buf, w, epollOut|epollEdge)
	want := func(what string, readable, writable uint32) {
		t.Helper()
		got := events(t, buf)
		if got[uint64(r)] != readable || got[uint64(w)] != writable {
			t.Errorf("%s: %#x", what, got)
		}
	}
	want("fresh", 0, epollOut)
	want("nothing new", 0, 0)
	sysWrite(w, data, pipeSize)
	want("written", epollIn, 0)
	want("reported", 0, 0)
	sysRead(r, data, 10)
	want("room for less than PIPE_BUF", 0, 0)
	sysRead(r, data, pipeSize)
	want("empty", 0, epollOut)
	sysClose(w)
	want("no writer", epollHup|epollRdhup, 0)
	r, w = openPipe(t, buf, openNonblock)
	watch(t, buf, w, epollOut)
	want("level", 0, epollOut)
	want("level again", 0, epollOut)
	sysClose(r)
	want("no reader", 0, epollOut|epollErr)
}

// call makes a system call as the current thread and lets the next one run.
func call(nr uint64, args ...uintptr) *thread {
	t := self()
	t.ax = nr
	var a [6]uint64
	for i, v := range args {
		a[i] = uint64(v)
	}
	t.di, t.si, t.dx, t.r10, t.r8, t.r9 = a[0], a[1], a[2], a[3], a[4], a[5]
	onSyscall()
	return t
}

// A thread waits in a blocking read until there is something; a writer until
// there is room.
func TestPipeBlocking(t *testing.T) {
	buf := startFiles(t)
	data := mapRegion(t, 2*pipeSize)
	r, w := openPipe(t, buf, 0)
	bytesAt(data, 3)[1] = 77
	reader := call(0, r, data+pipeSize, 100)
	if self() == reader || reader.state != threadWaits {
		t.Fatal("the reader did not wait")
	}
	writer := call(1, w, data, 3)
	if reader.state != threadRunnable || int64(reader.ax) != 3 || bytesAt(data+pipeSize, 3)[1] != 77 || writer.ax != 3 {
		t.Fatalf("reader: state %d, result %d; writer %d", reader.state, int64(reader.ax), int64(writer.ax))
	}
	call(1, w, data, pipeSize)
	call(1, w, data, 10)
	if writer.state != threadWaits || self() != reader {
		t.Fatal("the writer did not wait")
	}
	call(0, r, data, 9)
	if writer.state != threadWaits {
		t.Error("9 bytes of room are enough for 10")
	}
	call(0, r, data, 1)
	if writer.state != threadRunnable || writer.ax != 10 {
		t.Errorf("writer: state %d, result %d", writer.state, int64(writer.ax))
	}
	resched = true
	schedule()
	if self() != writer {
		t.Fatal("the writer does not run")
	}
	call(1, w, data, 10)
	call(3, r)
	if writer.state != threadRunnable || int64(writer.ax) != ePIPE {
		t.Errorf("writer when the reader is gone: state %d, result %d", writer.state, int64(writer.ax))
	}
}

// Closing a descriptor ends the waits for it.
func TestCloseEndsWait(t *testing.T) {
	buf := startFiles(t)
	r, _ := openPipe(t, buf, 0)
	sysDup(r)
	reader := call(0, r, buf, 100)
	call(3, r)
	if reader.state != threadRunnable || int64(reader.ax) != eBADF {
		t.Errorf("reader: state %d, result %d", reader.state, int64(reader.ax))
	}
}

func TestVectors(t *testing.T) {
	buf := startFiles(t)
	data := mapRegion(t, 4*pageSize)
	r, w := openPipe(t, buf, openNonblock)
	vectors := func(sizes ...uintptr) uintptr {
		a := buf + pageSize
		next := data
		for i, n := range sizes {
			*at[iovec](a + uintptr(i)*16) = iovec{next, n}
			next += n
		}
		return a
	}
	copy(bytesAt(data, 10), "0123456789")
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"writev", sysVector(true, w, vectors(3, 0, 7), 3), 10},
		{"nothing", sysVector(true, w, vectors(0, 0), 2), 0},
		{"readv", sysVector(false, r, vectors(4, 100, 1), 3), 10},
		{"nothing there", sysVector(false, r, vectors(4), 1), eAGAIN},
		{"too many", sysVector(false, r, buf, maxVectors+1), eINVAL},
		{"closed", sysVector(false, 99, buf, 1), eBADF},
		{"wrong end", sysVector(true, r, vectors(1), 1), eBADF},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
	if got := string(bytesAt(data, 10)); got != "0123456789" {
		t.Errorf("%q came back", got)
	}
}

func TestEventfd(t *testing.T) {
	buf := startFiles(t)
	word := at[uint64](buf)
	write := func(fd uintptr, v uint64) int64 { *word = v; return sysWrite(fd, buf, 8) }
	read := func(fd uintptr) int64 {
		*word = 0
		if r := sysRead(fd, buf, 8); r != 8 {
			return r
		}
		return int64(*word)
	}
	fd := uintptr(sysEventfd(3, openNonblock))
	sem := uintptr(sysEventfd(2, openNonblock|eventSemaphore))
	for _, c := range []struct {
		what      string
		got, want int64
	}{
		{"initial count", read(fd), 3},
		{"empty", read(fd), eAGAIN},
		{"all ones", write(fd, ^uint64(0)), eINVAL},
		{"most", write(fd, eventMax), 8},
		{"too much", write(fd, 1), eAGAIN},
		{"zero fits", write(fd, 0), 8},
		{"read most", read(fd), -2},
		{"semaphore", read(sem), 1},
		{"semaphore again", read(sem), 1},
		{"semaphore at zero", read(sem), eAGAIN},
		{"unknown flags", sysEventfd(0, 2), eINVAL},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, want %d", c.what, c.got, c.want)
		}
	}
	blocking := uintptr(sysEventfd(0, 0))
	waiter := call(0, blocking, buf, 8)
	*at[uint64](buf + 8) = 5
	call(1, blocking, buf+8, 8)
	if waiter.state != threadRunnable || waiter.ax != 8 || *word != 5 {
		t.Errorf("waiter: state %d, result %d, %d", waiter.state, int64(waiter.ax), *word)
	}
}

// A signal ends a wait, unless the thread has it blocked.
func TestSignalEndsWait(t *testing.T) {
	buf := startFiles(t)
	r, _ := openPipe(t, buf, 0)
	const usr1, handler = 10, 0x1000
	actions[usr1].handler = handler
	defer func() { actions[usr1] = sigaction{} }()
	reader := call(0, r, buf, 100)
	reader.sigmask = 1 << (usr1 - 1)
	if sysTgkill(uintptr(reader.tid), usr1); reader.state != threadWaits {
		t.Error("a signal that is blocked ended a wait")
	}
	reader.sigmask = 0
	if sysTgkill(uintptr(reader.tid), sigURG); reader.state != threadWaits {
		t.Error("SIGURG ended a wait")
	}
	if sysTgkill(uintptr(reader.tid), usr1); reader.state != threadRunnable || int64(reader.ax) != eINTR {
		t.Errorf("state %d, result %d", reader.state, int64(reader.ax))
	}
}
