package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"text/tabwriter"
)

// describeMachine names what the figures were measured on.
func describeMachine(b *bench) (string, error) {
	cpu := "unknown CPU"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				cpu = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
				break
			}
		}
	}
	release, err := exec.Command("uname", "-r").Output()
	if err != nil {
		return "", err
	}
	kvm := "KVM runs CPL 0 natively"
	if out, _ := exec.Command(b.tender, "doctor").Output(); strings.Contains(string(out), "no   kernel mode") {
		kvm = "software KVM (CPL 0 emulated)"
	}
	return fmt.Sprintf("%s, %d CPUs, Linux %s, %s, %s", cpu, runtime.NumCPU(), strings.TrimSpace(string(release)), kvm, runtime.Version()), nil
}

func printTable(machine string, results []result) {
	fmt.Println(machine)
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	group := ""
	for _, r := range results {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(w, "\n%s\t\t\t\n", strings.ToUpper(group))
		}
		ratio := ""
		if r.Ratio != 0 {
			ratio = fmt.Sprintf("× %.3g", r.Ratio)
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\t%s\n", r.Name, number(r.Value), r.Unit, ratio, r.Note)
	}
	w.Flush()
}

func number(v float64) string {
	if v >= 100 || v == float64(int64(v)) {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
