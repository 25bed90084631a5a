package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// tenders are the two ways to run an image.
var tenders = []struct {
	name string
	args []string
}{
	{"hvt", nil},
	{"spt", []string{"--spt"}},
}

const callRounds = 5

// calls measures hypercalls, memory and filters of both tenders.
func calls(b *bench) error {
	callImage, idleImage := filepath.Join(b.dir, "calls.hvt"), filepath.Join(b.dir, "idle.hvt")
	if err := b.build("./tests/bench/calls", callImage, ""); err != nil {
		return err
	}
	if err := b.build("./tests/bench/idle", idleImage, ""); err != nil {
		return err
	}
	perSecond := make([][]float64, len(tenders))
	for range callRounds {
		for i, t := range tenders {
			out, err := exec.Command(b.tender, append(t.args, callImage)...).Output()
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			fields := strings.Fields(string(out))
			nanos, err := strconv.ParseFloat(fields[len(fields)-2], 64)
			if err != nil {
				return fmt.Errorf("%s printed %.100q: %w", t.name, out, err)
			}
			perSecond[i] = append(perSecond[i], 1e9/nanos)
		}
	}
	for i, t := range tenders {
		b.add(result{Group: "console writes of one byte", Name: t.name, Value: median(perSecond[i]), Unit: "per second"})
	}
	for _, t := range tenders {
		kib, err := residentKiB(b.tender, append(t.args, "--mem=16", idleImage)...)
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		b.add(result{Group: "resident memory, tender and a sleeping guest of 16 MB", Name: t.name, Value: kib / 1024, Unit: "MiB"})
	}
	return filters(b)
}

// residentKiB starts a tender and adds up what it and its children hold once
// the guest sleeps.
func residentKiB(tender string, args ...string) (total float64, err error) {
	cmd := exec.Command(tender, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		return 0, fmt.Errorf("the guest did not start: %w", err)
	}
	pids, err := family(cmd.Process.Pid)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		kib, err := procKiB(pid, "status", "VmRSS:")
		if err != nil {
			return 0, err
		}
		total += kib
	}
	return total, nil
}

// filters counts the calls of docs/seccomp.md, which tests keep equal to the
// filters.
func filters(b *bench) error {
	data, err := os.ReadFile("docs/seccomp.md")
	if err != nil {
		return err
	}
	names := map[string]map[string]bool{}
	section := ""
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "<!-- "); ok {
			section = strings.Fields(name)[0]
			if names[section] == nil {
				names[section] = map[string]bool{}
			}
		}
		if call, ok := strings.CutPrefix(line, "| `"); ok && section != "" {
			call, _, _ = strings.Cut(call, "`")
			names[section][call] = true
		}
	}
	for _, t := range tenders {
		b.add(result{Group: "system calls that the filter allows, by name", Name: t.name, Value: float64(len(names[t.name])), Unit: "calls"})
	}
	return nil
}
