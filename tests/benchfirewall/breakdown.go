package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// roleSender is the role of the thread that sends the flood.
const roleSender = "sender"

// roles of a breakdown, in the order of a packet's way.
var roles = []string{roleSender, roleIO, roleGuest, roleOthers}

// times is how long each role is on a CPU while frames flow, and what it does.
type times struct {
	frames float64
	took   time.Duration
	nanos  map[string]float64 // by role
	idle   float64            // of all CPUs, in nanoseconds
	parts  map[string][]share // by role; none without perf
	top    []share            // functions of the kernel, of the I/O thread
	calls  map[string]float64 // system calls, by role; none without tracefs
}

// topFunctions is how many of them are shown.
const topFunctions = 12

// breakdown prints where the time goes, of each system with a tender and the
// fewest rules.
func (p *plan) breakdown(ctx context.Context) error {
	for _, c := range p.candidates {
		if c.image == nil || c.rules > p.candidates[0].rules {
			continue
		}
		t, err := c.times(ctx, p)
		if err != nil {
			return fmt.Errorf("%s: %w", c, err)
		}
		t.print(os.Stdout, c.String())
	}
	return nil
}

// times measures a candidate: first without perf, which costs time itself.
func (c *candidate) times(ctx context.Context, plan *plan) (t *times, err error) {
	p, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.alive(), p.close()) }()
	t = &times{nanos: map[string]float64{}, parts: map[string][]share{}, calls: map[string]float64{}}
	return t, p.flooded(func(f *flood) error {
		_, err := f.during(0, func() error {
			if err := t.takeNanos(f, plan.options.seconds); err != nil {
				return err
			}
			if err := t.takeCalls(f, plan.options.seconds); err != nil {
				progress("system calls are not counted: %v", err)
			}
			return t.takeParts(ctx, f, c.image, plan)
		})
		return err
	})
}

// allTasks are the sender and those of the path.
func (f *flood) allTasks() ([]task, error) {
	tasks, err := f.path.tasks()
	return append(tasks, task{f.sender, roleSender}), err
}

func (t *times) takeNanos(f *flood, seconds float64) error {
	tasks, err := f.allTasks()
	if err != nil {
		return err
	}
	add := func(sign float64) {
		for _, k := range tasks {
			t.nanos[k.role] += sign * float64(cpuNanos(k.tid))
		}
		t.idle += sign * idleNanos()
	}
	t.frames, t.took, err = f.window(func() error {
		add(-1)
		sleep(seconds)
		add(1)
		return nil
	})
	return err
}

func (t *times) takeCalls(f *flood, seconds float64) error {
	tasks, err := f.allTasks()
	if err != nil {
		return err
	}
	byRole := map[string][]int{}
	for _, k := range tasks {
		byRole[k.role] = append(byRole[k.role], k.tid)
	}
	for role, tids := range byRole {
		counts := map[string]float64{}
		frames, err := f.counted(tids, counts, seconds/2)
		if err != nil {
			return err
		}
		t.calls[role] = counts[systemCalls] / max(1, frames)
	}
	return nil
}

func (t *times) takeParts(ctx context.Context, f *flood, im *image, plan *plan) error {
	if _, err := exec.LookPath("perf"); err != nil {
		progress("there is no perf: what threads do is not shown")
		return nil
	}
	names, err := readSymbols(im.symbols)
	if err != nil {
		return err
	}
	tasks, err := f.allTasks()
	if err != nil {
		return err
	}
	var tids []int
	for _, k := range tasks {
		tids = append(tids, k.tid)
	}
	stacks, err := recordStacks(ctx, plan.dir, tids, plan.options.seconds)
	if err != nil {
		progress("what threads do is not shown: %v", err)
		return nil
	}
	byRole := map[string][]stack{}
	for _, s := range stacks {
		for _, k := range tasks {
			if k.tid == s.tid {
				byRole[k.role] = append(byRole[k.role], s)
			}
		}
	}
	guest := vcpuClass
	if f.path.spt {
		guest = guestClass(names)
	}
	for role, classify := range map[string]func(stack) string{
		roleSender: processClass(senderClasses), roleIO: processClass(ioClasses), roleGuest: guest, roleOthers: processClass(otherClasses),
	} {
		t.parts[role] = shares(byRole[role], classify)
	}
	top := shares(byRole[roleIO], innermost)
	t.top = top[:min(len(top), topFunctions)]
	return nil
}

// print writes the table.
func (t *times) print(out io.Writer, name string) {
	frames := max(1, t.frames)
	fmt.Fprintf(out, "\n%s: %.0f thousand frames of %d bytes a second, %.0f ns each\n", name,
		t.frames/t.took.Seconds()/1000, frameBytes, float64(t.took.Nanoseconds())/frames)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "THREAD\tNS OF CPU PER FRAME\tCPU\tSYSTEM CALLS PER FRAME")
	row := func(name string, nanos float64, calls string) {
		fmt.Fprintf(w, "%s\t%.0f\t%.0f %%\t%s\n", name, nanos/frames, 100*nanos/float64(t.took.Nanoseconds()), calls)
	}
	for _, role := range roles {
		calls := "–"
		if n, ok := t.calls[role]; ok {
			calls = fmt.Sprintf("%.4f", n)
		}
		row(role, t.nanos[role], calls)
		for _, s := range t.parts[role] {
			row("  "+s.name, s.part*t.nanos[role], "")
		}
	}
	row(fmt.Sprintf("idle, of %d CPUs", runtime.NumCPU()), t.idle, "")
	w.Flush()
	if len(t.top) > 0 {
		fmt.Fprintln(out, "the I/O thread in the kernel, by function:")
	}
	for _, s := range t.top {
		fmt.Fprintf(out, "  %4.1f %%  %s\n", 100*s.part, s.name)
	}
}

// idleNanos is how long the CPUs of the machine have had nothing to do.
func idleNanos() float64 {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	const ticksPerSecond = 100 // of Linux's interfaces, on every machine
	var user, nice, system, idle float64
	if _, err := fmt.Fscan(strings.NewReader(strings.TrimPrefix(string(text), "cpu ")), &user, &nice, &system, &idle); err != nil {
		return 0
	}
	return idle * 1e9 / ticksPerSecond
}
