package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"tender/hvt"
	"tender/seccomp"
	"tender/toolchain"
)

// finding is one thing that tender needs of the host.
type finding struct {
	What string `json:"what"`
	OK   bool   `json:"ok"`
	// Detail is what was found, and if that is not OK how to mend it.
	Detail string `json:"detail"`
}

func newDoctor(std stdio) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor [flags]",
		Short: "Show what this host can do, and how to mend what it cannot",
		Long: `Show what this host can do, and how to mend what it cannot.

The exit status is 1 if something is missing that images of tender build need.
Kernel mode is needed by other images only, the Go toolchain by tender build
only, AF_XDP by --net=xdp:IF only.`,
		Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			found := examine()
			if err := writeFindings(std, found, asJSON); err != nil {
				return err
			}
			for _, f := range found {
				if !f.OK && !slices.Contains(notAlways, f.What) {
					return exitFailure
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "show it as JSON")
	return c
}

func writeFindings(std stdio, found []finding, asJSON bool) error {
	if asJSON {
		text, err := json.MarshalIndent(found, "", "  ")
		if err != nil {
			return err
		}
		return status(std.print(string(text) + "\n"))
	}
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%-4s %-14s %s\n", mark(f.OK, isTerminal(std.out)), f.What, f.Detail)
	}
	return status(std.print(b.String()))
}

func mark(ok, colour bool) string {
	switch {
	case ok && colour:
		return "\x1b[32mok\x1b[0m  "
	case ok:
		return "ok"
	case colour:
		return "\x1b[31mno\x1b[0m  "
	}
	return "no"
}

// Names of findings.
const (
	kvmDevice   = "/dev/kvm"
	userMode    = "user mode"
	kernelMode  = "kernel mode"
	tunDevice   = "/dev/net/tun"
	goToolchain = "Go toolchain"
	filters     = "confinement"
	xdpSockets  = "AF_XDP"
)

// notAlways are the findings without which images of tender build run.
var notAlways = []string{kernelMode, goToolchain, xdpSockets}

func examine() []finding {
	return append(examineKVM(), examineTUN(), examineXDP(), examineFilters(), examineGo())
}

func examineFilters() finding {
	if _, err := (seccomp.Policy{{Call: "write"}}).Compile(); err != nil {
		return finding{filters, false, fmt.Sprintf("no system-call filters (%v); until then spt guests do not run, and others with --no-confine only", err)}
	}
	if err := unix.Prctl(unix.PR_GET_SECCOMP, 0, 0, 0, 0); err != nil {
		return finding{filters, false, "the kernel has no system-call filters: use one with CONFIG_SECCOMP_FILTER"}
	}
	return finding{filters, true, "tender and spt guests have system-call filters"}
}

func examineKVM() []finding {
	probe, err := hvt.ProbeKVM()
	if err != nil {
		detail := "not tried: there is no usable /dev/kvm"
		return []finding{{kvmDevice, false, err.Error()}, {userMode, false, detail}, {kernelMode, false, detail}}
	}
	found := []finding{
		{kvmDevice, true, "opens"},
		{userMode, true, "images of tender build run"},
		{kernelMode, true, "plain Solo5 images run at full speed"},
	}
	if !probe.User {
		found[1] = finding{userMode, false, "images of tender build do not start in user mode: use a CPU with FSGSBASE and a newer kernel"}
	}
	if !probe.Kernel {
		found[2] = finding{kernelMode, false, "this KVM emulates it: plain Solo5 images are slow and end at the first SSE instruction; use a host with hardware virtualisation for them"}
	}
	return found
}

func examineTUN() finding {
	fd, err := unix.Open(tunDevice, unix.O_RDWR|unix.O_CLOEXEC, 0)
	switch {
	case err == nil:
		unix.Close(fd)
		return finding{tunDevice, true, "opens, TAPs can be attached"}
	case errors.Is(err, fs.ErrPermission):
		return finding{tunDevice, false, "no permission: run as root, or allow it with `chmod 666 " + tunDevice + "`"}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return finding{tunDevice, false, "missing: load the driver with `modprobe tun`; in a container, pass the device in"}
	}
	return finding{tunDevice, false, err.Error() + ": see the kernel log"}
}

func examineXDP() finding {
	fd, err := unix.Socket(unix.AF_XDP, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	switch err {
	case nil:
		unix.Close(fd)
		return finding{xdpSockets, true, "guests can have whole interfaces, with --net=xdp:IF"}
	case unix.EPERM:
		return finding{xdpSockets, false, "no permission: --net=xdp:IF needs root; TAPs do without"}
	case unix.EAFNOSUPPORT:
		return finding{xdpSockets, false, "the kernel has none (CONFIG_XDP_SOCKETS): use TAPs"}
	}
	return finding{xdpSockets, false, err.Error() + ": use TAPs"}
}

func examineGo() finding {
	known := strings.Join(toolchain.SupportedGo, ", ")
	path, err := exec.LookPath("go")
	if err != nil {
		return finding{goToolchain, false, fmt.Sprintf("no go command in PATH: install %s to use tender build", known)}
	}
	cmd := exec.CommandContext(context.Background(), path, "env", "GOVERSION")
	cmd.Dir = os.TempDir() // a go.mod could choose another version
	out, err := cmd.Output()
	if err != nil {
		return finding{goToolchain, false, fmt.Sprintf("%s env fails (%v): install %s again", path, err, known)}
	}
	found := strings.TrimSpace(string(out))
	if !slices.ContainsFunc(toolchain.SupportedGo, func(s string) bool { return found == s || strings.HasPrefix(found, s+".") }) {
		return finding{goToolchain, false, fmt.Sprintf("%s at %s: tender build needs %s", found, path, known)}
	}
	return finding{goToolchain, true, fmt.Sprintf("%s at %s", found, path)}
}
