package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// idleConnections is the larger number that memory is measured with.
const idleConnections = 1000

// memory measures what a server holds, alone, soon after its start.
func (w *webPrograms) memory(ctx context.Context) error {
	var one, many [len(memoryKinds)]float64
	for i, kind := range memoryKinds {
		progress("  memory: %s", webKinds[kind].name)
		for _, m := range []struct {
			connections int
			mib         *float64
		}{{1, &one[i]}, {idleConnections, &many[i]}} {
			var err error
			if *m.mib, err = w.held(ctx, webKinds[kind], m.connections); err != nil {
				return fmt.Errorf("%s: %w", webKinds[kind].name, err)
			}
		}
	}
	for _, m := range []struct {
		group string
		mib   *[len(memoryKinds)]float64
	}{
		{"memory of tender and guest, one connected client (PSS)", &one},
		{fmt.Sprintf("memory of tender and guest, %d idle connections (PSS)", idleConnections), &many},
	} {
		for i, kind := range memoryKinds {
			r := result{Group: m.group, Name: webKinds[kind].name, Value: m.mib[i], Unit: "MiB"}
			if i > 0 {
				r.Ratio = m.mib[i] / m.mib[0]
			}
			if m.mib == &many {
				r.Note = fmt.Sprintf("%.0f KiB per connection", (many[i]-one[i])*1024/(idleConnections-1))
			}
			w.add(r)
		}
	}
	return nil
}

// memoryKinds are those of webKinds that differ in memory.
var memoryKinds = [...]int{0, 3, 4}

// held starts a server, holds connections to it, and adds up what its processes
// hold, in MiB.
func (w *webPrograms) held(ctx context.Context, kind webKind, connections int) (mib float64, err error) {
	p, err := w.start(ctx, kind)
	if err != nil {
		return 0, err
	}
	defer p.Close()
	client := p.client.Command(ctx, w.client, "hold", webServer, strconv.Itoa(connections))
	client.Stderr = os.Stderr
	stdin, err := client.StdinPipe()
	if err != nil {
		return 0, err
	}
	stdout, err := client.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := client.Start(); err != nil {
		return 0, err
	}
	defer client.Wait()
	defer stdin.Close()
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		return 0, fmt.Errorf("%d connections: %w", connections, err)
	}
	pids, err := family(p.program.Process.Pid)
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		kib, err := procKiB(pid, "smaps_rollup", "Pss:")
		if err != nil {
			return 0, err
		}
		mib += kib / 1024
	}
	return mib, nil
}

// family is a process and its children.
func family(pid int) ([]string, error) {
	pids := []string{strconv.Itoa(pid)}
	children, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	for _, file := range children {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		pids = append(pids, strings.Fields(string(data))...)
	}
	return pids, nil
}

// procKiB reads a size from a file of a process.
func procKiB(pid, file, field string) (kib float64, err error) {
	path := "/proc/" + pid + "/" + file
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(data), "\n"+field)
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		return 0, fmt.Errorf("%s has no %s: %w", path, field, err)
	}
	return kib, nil
}
