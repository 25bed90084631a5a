// Package e2e proves that `tender --net=tap0 --net=tap1 firewall.hvt` filters
// and forwards real packets: the tender and the image are built as users
// build them, two network namespaces are the hosts, and public clients talk
// through it. Where no client says what is to be said, frames go onto the
// TAP through a packet socket.
//
// Every test has a network of its own, so they run in parallel. They need
// root, /dev/kvm and /dev/net/tun, and are skipped, with the reason, without.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"tender/hvt"
	"tender/tests/rig"
	"tender/toolchain"
)

// parallel is how many tests run at a time: most of them wait for timeouts.
const parallel = "6"

// scratch is the folder of what is built here.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if scratch, err = os.MkdirTemp("", "tender-e2e-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(scratch)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		rig.Abandon()
		os.RemoveAll(scratch)
		os.Exit(1)
	}()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		flag.Set("test.parallel", parallel)
	}
	return m.Run()
}

// program is a command or an image to build, once.
type program struct {
	path  string
	build func(output string) error
	once  sync.Once
	err   error
}

// of is the path of what was built.
func (p *program) of(t testing.TB) string {
	t.Helper()
	output := filepath.Join(scratch, p.path)
	p.once.Do(func() { p.err = p.build(output) })
	if p.err != nil {
		t.Fatalf("building %s: %v", p.path, p.err)
	}
	return output
}

func command(pkg string) func(string) error {
	return func(output string) error {
		cmd := exec.Command("go", "build", "-tags=netgo,osusergo", "-ldflags=-linkmode=external -extldflags=-static", "-o", output, pkg)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // for libseccomp
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
}

var (
	tender   = program{path: "tender", build: command("tender/cmd/tender")}
	demo     = program{path: "demo", build: command("tender/tests/demo")}
	firewall = program{path: "firewall.hvt", build: func(output string) error {
		_, err := toolchain.Build(context.Background(), toolchain.Options{Package: "tender/appliances/firewall", Output: output})
		return err
	}}
)

var probeKVM = sync.OnceValues(hvt.ProbeKVM)

// needHost skips a test where the host lacks what all of them need.
func needHost(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces and TAPs")
	}
	if probe, err := probeKVM(); err != nil {
		t.Skipf("needs /dev/kvm: %v", err)
	} else if !probe.User {
		t.Skip("needs a /dev/kvm that can start a guest in user mode")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	needTool(t, "ip")
}

// needTool skips a test that needs a client which is not installed.
func needTool(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs %s: run scripts/deps", name)
		}
	}
}
