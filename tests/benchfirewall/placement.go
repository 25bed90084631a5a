package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// placement says where the tender's threads and its guest run.
type placement struct {
	suffix string // of the system's name
	// io and rest are the CPUs of the thread that moves frames, and of all else;
	// nil leaves them to the scheduler.
	io, rest []int
}

// placements that are tried; the first is what users get.
var placements = []placement{
	{"", nil, nil},
	{":cpu1", []int{routerCPU}, []int{routerCPU}},
	{":split", []int{routerCPU}, []int{loadCPU}},
}

// settle finds the thread that moves frames, which has been pinned by the flag
// --cpu=routerCPU so that it can be found, and places all of the tender's.
func (p *path) settle() error {
	w := p.placement
	tids, err := threads(p.tender)
	if err != nil {
		return err
	}
	all, err := cpusOf(os.Getpid())
	if err != nil {
		return err
	}
	for _, tid := range tids {
		cpus, err := cpusOf(tid)
		// The kernel's own threads for the ring stay where it was made.
		if err == nil && slices.Equal(cpus, []int{routerCPU}) && !strings.HasPrefix(nameOf(tid), "iou-") {
			p.ioThread = tid
		}
	}
	if p.ioThread == 0 {
		return fmt.Errorf("no thread of the tender is on CPU %d, where --cpu should keep one", routerCPU)
	}
	children, err := childrenOf(p.tender)
	if err != nil {
		return err
	}
	if w.io == nil {
		return place(p.ioThread, all...)
	}
	for _, tid := range append(tids, children...) {
		cpus := w.rest
		if tid == p.ioThread {
			cpus = w.io
		}
		if err := place(tid, cpus...); err != nil {
			return err
		}
	}
	return nil
}

// nameOf is a thread's name, "" if it has ended.
func nameOf(tid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", tid))
	return strings.TrimSpace(string(name))
}

// cpusOf are the CPUs that a thread may run on.
func cpusOf(tid int) (cpus []int, err error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(tid, &set); err != nil {
		return nil, fmt.Errorf("the CPUs of thread %d: %w", tid, err)
	}
	for cpu := range 1024 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// place keeps a thread on CPUs.
func place(tid int, cpus ...int) error {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(tid, &set); err != nil && err != unix.ESRCH {
		return fmt.Errorf("keeping thread %d on CPUs %v: %w", tid, cpus, err)
	}
	return nil
}
