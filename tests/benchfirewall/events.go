package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Tracepoints that are counted. Of a KVM that fires no kvm_exit, as one in
// software, the exits to the tender are counted.
const (
	tracing     = "/sys/kernel/tracing/events"
	systemCalls = "raw_syscalls/sys_enter"
	kvmExits    = "kvm/kvm_exit"
	tenderExits = "kvm/kvm_userspace_exit"
)

// events counts a tracepoint in threads.
type events struct{ fds []int }

// newEvents starts counting, in these threads and in those that they will
// start. The error wraps fs.ErrNotExist if the kernel has no such tracepoint. The
// caller calls close.
func newEvents(tracepoint string, tids []int) (e *events, err error) {
	text, err := os.ReadFile(filepath.Join(tracing, tracepoint, "id"))
	if err != nil {
		return nil, fmt.Errorf("counting %s: %w; is tracefs mounted?", tracepoint, err)
	}
	id, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("counting %s: %w", tracepoint, err)
	}
	attr := unix.PerfEventAttr{Type: unix.PERF_TYPE_TRACEPOINT, Config: id, Size: unix.PERF_ATTR_SIZE_VER1, Bits: unix.PerfBitInherit}
	e = &events{}
	for _, tid := range tids {
		fd, err := unix.PerfEventOpen(&attr, tid, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
		if err == unix.ESRCH {
			continue // it has ended
		}
		if err != nil {
			e.close()
			return nil, fmt.Errorf("counting %s: perf_event_open: %w", tracepoint, err)
		}
		e.fds = append(e.fds, fd)
	}
	return e, nil
}

// count is how often it was met so far.
func (e *events) count() (n float64, err error) {
	for _, fd := range e.fds {
		var value [8]byte
		if _, err := unix.Read(fd, value[:]); err != nil {
			return 0, fmt.Errorf("reading a counter: %w", err)
		}
		n += float64(binary.NativeEndian.Uint64(value[:]))
	}
	return n, nil
}

func (e *events) close() {
	for _, fd := range e.fds {
		unix.Close(fd)
	}
}

// costs are what a delivered frame costs, under load.
type costs struct {
	systemCalls float64
	exits       float64
}

// costs counts the system calls of the tender and its guest, and the exits from
// the guest, while frames come as fast as they are taken.
func (f *flood) costs(seconds float64) (c costs, err error) {
	tasks, err := f.path.tasks()
	if err != nil {
		return c, err
	}
	var tids []int
	for _, t := range tasks {
		tids = append(tids, t.tid)
	}
	counts := map[string]float64{}
	_, err = f.during(0, func() error {
		frames, err := f.counted(tids, counts, seconds)
		if err != nil {
			return err
		}
		for name := range counts {
			counts[name] /= max(1, frames)
		}
		return nil
	})
	return costs{counts[systemCalls], max(counts[kvmExits], counts[tenderExits])}, err
}

// counted stores how often each tracepoint was met in a window, and returns the
// frames that arrived in it.
func (f *flood) counted(tids []int, counts map[string]float64, seconds float64) (float64, error) {
	all := map[string]*events{}
	defer func() {
		for _, e := range all {
			e.close()
		}
	}()
	for _, name := range []string{systemCalls, kvmExits, tenderExits} {
		e, err := newEvents(name, tids)
		if errors.Is(err, fs.ErrNotExist) && name != systemCalls {
			continue // a kernel without KVM, or another kind of it
		}
		if err != nil {
			return 0, err
		}
		all[name] = e
	}
	frames, _, err := f.window(func() error {
		for name, e := range all {
			n, err := e.count()
			if err != nil {
				return err
			}
			counts[name] = -n
		}
		sleep(seconds)
		for name, e := range all {
			n, err := e.count()
			if err != nil {
				return err
			}
			counts[name] += n
		}
		return nil
	})
	return frames, err
}
