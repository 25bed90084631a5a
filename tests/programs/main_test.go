// Package programs proves that ordinary Go network programs work as they are:
// the appliances that are modules of their own, driven by the clients people
// use with them (curl, openssl, dig, cadaver, a browser's kind of HTTP/2).
//
// The same test runs against the program as a Linux process and as a
// unikernel under hvt and spt, as -under says. A network namespace is the
// client's host; the program is at the other end of its one interface.
// The tests need root, and are skipped, with the reason, without.
package programs

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"tender/hvt"
	"tender/tests/rig"
)

// under is where programs run.
var under = flag.String("under", "linux,hvt,spt", "run the programs as linux processes, under hvt, under spt: any of them, with commas")

// scratch is the folder of what is built here.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	for name := range strings.SplitSeq(*under, ",") {
		if !slices.Contains(kinds, kind(name)) {
			fmt.Fprintf(os.Stderr, "-under=%s: programs run under %v\n", name, kinds)
			return 2
		}
	}
	var err error
	if scratch, err = os.MkdirTemp("", "tender-programs-*"); err != nil {
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
	return m.Run()
}

// kind is what runs a program.
type kind string

const (
	asProcess kind = "linux"
	asHVT     kind = "hvt"
	asSPT     kind = "spt"
)

var kinds = []kind{asProcess, asHVT, asSPT}

// everywhere runs a test once for each kind that -under names.
func everywhere(t *testing.T, test func(*testing.T, kind)) {
	t.Parallel()
	for name := range strings.SplitSeq(*under, ",") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			needHost(t, kind(name))
			test(t, kind(name))
		})
	}
}

var probeKVM = sync.OnceValues(hvt.ProbeKVM)

// needHost skips a test where the host lacks what the kind needs.
func needHost(t testing.TB, k kind) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	needTool(t, "ip")
	if k == asProcess {
		return
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	if k == asSPT {
		return
	}
	if probe, err := probeKVM(); err != nil {
		t.Skipf("needs /dev/kvm: %v", err)
	} else if !probe.User {
		t.Skip("needs a /dev/kvm that can start a guest in user mode")
	}
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
