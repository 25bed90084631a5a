package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// stack is where a thread was found, the innermost function first. A function
// in the kernel has its name; one of a process has it if its symbols are known.
type stack struct {
	tid    int
	frames []stackFrame
}

type stackFrame struct {
	address uint64
	name    string
	kernel  bool
}

// sampleHertz is how often a second threads are looked at: no divisor of what
// else happens regularly.
const sampleHertz = 1999

// record has perf look at threads for a time, and returns what it found.
func recordStacks(ctx context.Context, dir string, tids []int, seconds float64) ([]stack, error) {
	var list []string
	for _, tid := range tids {
		list = append(list, strconv.Itoa(tid))
	}
	data := filepath.Join(dir, "perf.data")
	// A clock of software: virtual machines have no other.
	out, err := exec.CommandContext(ctx, "perf", "record", "-q", "-e", "cpu-clock", "-F", strconv.Itoa(sampleHertz), "-g",
		"-o", data, "-t", strings.Join(list, ","), "--", "sleep", fmt.Sprint(seconds)).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("perf record: %w: %s", err, out)
	}
	text, err := exec.CommandContext(ctx, "perf", "script", "-i", data, "-F", "tid,ip,sym").Output()
	if err != nil {
		return nil, fmt.Errorf("perf script: %w", err)
	}
	return parseStacks(strings.NewReader(string(text)))
}

// kernelAddress is the lowest of Linux on x86-64.
const kernelAddress = 0xffff_8000_0000_0000

// parseStacks reads what perf script prints of the fields tid, ip and sym.
func parseStacks(r io.Reader) (stacks []stack, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		text := lines.Text()
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		if text[0] != '\t' && text[0] != ' ' || len(fields) == 1 {
			tid, err := strconv.Atoi(fields[0])
			if err != nil {
				return nil, fmt.Errorf("perf script printed %q, which names no thread", text)
			}
			stacks = append(stacks, stack{tid: tid})
			continue
		}
		address, err := strconv.ParseUint(fields[0], 16, 64)
		if err != nil || len(stacks) == 0 {
			return nil, fmt.Errorf("perf script printed %q, which is no function of a stack", text)
		}
		s := &stacks[len(stacks)-1]
		s.frames = append(s.frames, stackFrame{address, strings.Join(fields[1:], " "), address >= kernelAddress})
	}
	return stacks, lines.Err()
}

// share is a part of a whole.
type share struct {
	name string
	part float64 // 0 to 1
}

// shares are how often each class was met, the largest first.
func shares(stacks []stack, class func(stack) string) (result []share) {
	counts := map[string]int{}
	for _, s := range stacks {
		counts[class(s)]++
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		result = append(result, share{name, float64(counts[name]) / float64(len(stacks))})
	}
	slices.SortStableFunc(result, func(a, b share) int { return cmp.Compare(b.part, a.part) })
	return result
}

// innermost is the function of the kernel in which a thread was found.
func innermost(s stack) string {
	if len(s.frames) == 0 || !s.frames[0].kernel {
		return "(not in the kernel)"
	}
	return s.frames[0].name
}
