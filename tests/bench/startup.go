package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const startupRuns = 31

// startup measures whole processes from start to exit.
func startup(b *bench) error {
	image := filepath.Join(b.dir, "hello.hvt")
	process := filepath.Join(b.dir, "hello")
	if err := b.build("./appliances/hello", image, process); err != nil {
		return err
	}
	peers := []struct {
		name string
		args []string
	}{
		{"the same program as a Linux process", []string{process}},
		{"tender hello.hvt", []string{b.tender, image}},
		{"tender --spt hello.hvt", []string{b.tender, "--spt", image}},
		{"tender --mem=16 hello.hvt", []string{b.tender, "--mem=16", image}},
		{"tender --mem=8 hello.hvt", []string{b.tender, "--mem=8", image}},
	}
	times := make([][]float64, len(peers))
	for range startupRuns {
		for i, p := range peers {
			start := time.Now()
			out, err := exec.Command(p.args[0], p.args[1:]...).CombinedOutput()
			if err != nil || !strings.Contains(string(out), "Hello") {
				return fmt.Errorf("%s: %w: %s", p.name, err, out)
			}
			times[i] = append(times[i], float64(time.Since(start).Microseconds())/1000)
		}
	}
	base := median(times[0])
	for i, p := range peers {
		r := result{Group: "start to exit", Name: p.name, Value: median(times[i]), Unit: "ms"}
		if i > 0 {
			r.Ratio = r.Value / base
		}
		b.add(r)
	}
	st, err := os.Stat(image)
	if err != nil {
		return err
	}
	b.add(result{Group: "image", Name: "hello.hvt", Value: float64(st.Size()) / 1e6, Unit: "MB"})
	return nil
}

// build makes an image and, if process is not "", a Linux program of the same
// package.
func (b *bench) build(pkg, image, process string) error {
	if out, err := exec.Command(b.tender, "build", "-o", image, pkg).CombinedOutput(); err != nil {
		return fmt.Errorf("tender build: %w: %s", err, out)
	}
	if process == "" {
		return nil
	}
	return buildProcess(pkg, process)
}

// buildProcess makes a Linux program.
func buildProcess(pkg, output string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", output, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w: %s", err, out)
	}
	return nil
}
