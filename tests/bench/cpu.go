package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const cpuRuns = 5

// cpuBound runs one program as a unikernel and as a Linux process.
func cpuBound(b *bench) error {
	image := filepath.Join(b.dir, "cpubound.hvt")
	process := filepath.Join(b.dir, "cpubound")
	if err := b.build("./tests/bench/cpubound", image, process); err != nil {
		return err
	}
	var names []string
	linux, guest := map[string][]float64{}, map[string][]float64{}
	for range cpuRuns {
		for _, side := range []struct {
			cmd   *exec.Cmd
			times map[string][]float64
		}{
			{exec.Command(process), linux},
			{exec.Command(b.tender, image), guest},
		} {
			side.cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
			out, err := side.cmd.Output()
			if err != nil {
				return fmt.Errorf("%s: %w", side.cmd, err)
			}
			names = names[:0]
			for line := range strings.Lines(string(out)) {
				var name string
				var nanos float64
				if _, err := fmt.Sscan(line, &name, &nanos); err != nil {
					return fmt.Errorf("%s printed %q: %w", side.cmd, line, err)
				}
				names = append(names, name)
				side.times[name] = append(side.times[name], nanos/1e6)
			}
		}
	}
	for _, name := range names {
		l, g := median(linux[name]), median(guest[name])
		b.add(result{Group: "cpu-bound, speed against a Linux process with GOMAXPROCS=1", Name: name,
			Value: g, Unit: "ms", Ratio: l / g, Note: fmt.Sprintf("Linux %.0f ms", l)})
	}
	return nil
}
