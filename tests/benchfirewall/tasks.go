package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// task is a thread that works for a path.
type task struct {
	tid  int
	role string
}

// Roles of threads.
const (
	roleIO     = "I/O thread"
	roleGuest  = "guest"
	roleOthers = "other threads"
)

// tasks are the tender's threads and its guest. Of hvt the guest's thread is
// the one that has worked the most, apart from that of the frames.
func (p *path) tasks() (tasks []task, err error) {
	tids, err := threads(p.tender)
	if err != nil {
		return nil, err
	}
	children, err := childrenOf(p.tender)
	if err != nil {
		return nil, err
	}
	busiest, most := -1, int64(-1)
	for i, tid := range tids {
		t := task{tid, roleOthers}
		if tid == p.ioThread {
			t.role = roleIO
		} else if ns := cpuNanos(tid); ns > most && len(children) == 0 {
			busiest, most = i, ns
		}
		tasks = append(tasks, t)
	}
	if busiest >= 0 {
		tasks[busiest].role = roleGuest
	}
	for _, pid := range children {
		tasks = append(tasks, task{pid, roleGuest})
	}
	return tasks, nil
}

// threads are those of a process.
func threads(pid int) (tids []int, err error) {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return nil, fmt.Errorf("the tender's threads: %w", err)
	}
	for _, e := range entries {
		if tid, err := strconv.Atoi(e.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids, nil
}

// childrenOf are the processes that a process has started.
func childrenOf(pid int) (children []int, err error) {
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name, in parentheses, may hold anything.
		_, rest, _ := strings.Cut(string(stat[max(0, strings.LastIndexByte(string(stat), ')')):]), " ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				return nil, err
			}
			children = append(children, child)
		}
	}
	return children, nil
}

// cpuNanos is how long a thread has been on a CPU; 0 if it has ended.
func cpuNanos(tid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", tid))
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	ns, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return 0
	}
	return ns
}
