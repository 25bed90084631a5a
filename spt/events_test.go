package spt

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/machine"
)

// A guest that takes ticks gets one for each bit of CPU time, and goes on from
// where it was by rt_sigreturn.
func TestTicks(t *testing.T) {
	const count = 3
	var h testGuest
	h.op(0x83, 0xff, byte(unix.SIGPROF)).op(0x75, 0xfe) // cmp $SIGPROF, %edi; jne .
	h.op(0xff, 0x04, 0x25).op(le32(heapAt)...)          // incl count
	h.op(0x48, 0x83, 0xc4, 0x08)                        // add $8, %rsp
	h.call(unix.SYS_RT_SIGRETURN)                       //
	g := withHandler(h.text)
	g.note.Flags |= abi.FlagEvents
	g.op(mov(rsp, testMem-0x100)...)
	at := byte(len(g.text))
	g.op(0x83, 0x3c, 0x25).op(le32(heapAt)...).op(count) // 1: cmpl $count, count
	g.op(0x72, at-byte(len(g.text))-2)                   // jb 1b
	mustExit(t, g.exit(9), Config{}, 9)
}

// A guest that is asked to stop finds an event of its own, once for each time,
// and signals that a terminal sends to all mean nothing to it.
func TestStop(t *testing.T) {
	const events = heapAt + 0x1000
	g := withHandler((&testGuest{}).exit(77).text)
	g.note.Flags |= abi.FlagEvents
	g.puts("up")
	for _, left := range []int64{1, 0} {
		g.call(unix.SYS_EPOLL_PWAIT, epollFD, events, 64, uint64(-left), 0, 0).expect(left)
		if left == 1 {
			g.op(0x81, 0x3c, 0x25).op(le32(events + 4)...).op(le32(abi.SPTStopData)...) // cmpl $SPTStopData, data
			g.op(0x74, byte(len(callCode(0, 1)))).exit(78)                              // je over
		}
	}
	up := make(upWriter, 1)
	p := start(t, g.exit(9), Config{Config: machine.Config{Console: up}})
	go func() {
		<-up
		for _, child := range childrenOf(t) {
			unix.Kill(child, unix.SIGINT)
			unix.Kill(child, unix.SIGTERM)
		}
		if !p.Stop() {
			t.Error("cannot be asked to stop")
		}
	}()
	exit, err := run(t, p)
	if err != nil || exit.Status != 9 {
		t.Errorf("%+v, %v", exit, err)
	}
	if plain := start(t, withHandler(nil), Config{}); plain.Stop() {
		t.Error("an image without events was asked to stop")
	}
}

// upWriter says that the guest has written something.
type upWriter chan struct{}

func (w upWriter) Write(p []byte) (int, error) {
	w <- struct{}{}
	return len(p), nil
}

// childrenOf are the processes of this one.
func childrenOf(t *testing.T) (pids []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Error(err)
	}
	for _, file := range files {
		text, _ := os.ReadFile(file) // the thread may be gone
		for _, word := range strings.Fields(string(text)) {
			pid, err := strconv.Atoi(word)
			if err != nil {
				t.Error(err)
			}
			pids = append(pids, pid)
		}
	}
	return pids
}
