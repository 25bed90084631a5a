package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	blockRuns      = 7
	blockDiskBytes = 64 << 20
)

// blockIO transfers blocks of a file, which the host's kernel has in its
// cache, from guests and from a Linux process.
func blockIO(b *bench) error {
	image, process := filepath.Join(b.dir, "blockio.hvt"), filepath.Join(b.dir, "blockio")
	if err := b.build("./tests/bench/blockio", image, process); err != nil {
		return err
	}
	disk := filepath.Join(b.dir, "disk.img")
	if err := os.WriteFile(disk, make([]byte, blockDiskBytes), 0o600); err != nil {
		return err
	}
	attach := "--block:disk=" + disk
	peers := []struct {
		name string
		args []string
	}{
		{"Linux process", []string{process, disk}},
		{"hvt, sectors of 4096", []string{b.tender, "--mem=64", attach, "--block-sector-size:disk=4096", image}},
		{"hvt, sectors of 512", []string{b.tender, "--mem=64", attach, image}},
		{"spt, sectors of 4096", []string{b.tender, "--spt", "--mem=64", attach, "--block-sector-size:disk=4096", image}},
		{"spt, sectors of 512", []string{b.tender, "--spt", "--mem=64", attach, image}},
	}
	kinds := []string{"reads", "writes"}
	rates := make([]map[string][]float64, len(peers))
	for range blockRuns {
		for i, p := range peers {
			if rates[i] == nil {
				rates[i] = make(map[string][]float64)
			}
			if err := blockRates(exec.Command(p.args[0], p.args[1:]...), rates[i]); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	for _, kind := range kinds {
		base := median(rates[0][kind])
		for i, p := range peers {
			r := result{Group: "block, 4 KiB " + kind + " per second", Name: p.name, Value: median(rates[i][kind]), Unit: "/s"}
			if i > 0 {
				r.Ratio = r.Value / base
			}
			b.add(r)
		}
	}
	return nil
}

// blockRates runs the program once and adds the rates it prints.
func blockRates(cmd *exec.Cmd, rates map[string][]float64) error {
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		var kind string
		var rate float64
		if _, err := fmt.Sscan(line, &kind, &rate); err != nil {
			return fmt.Errorf("it printed %q: %w", line, err)
		}
		rates[kind] = append(rates[kind], rate)
	}
	return nil
}
