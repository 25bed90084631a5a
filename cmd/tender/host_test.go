package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// haveKVM says why there is no /dev/kvm to test with. One that opens and does
// not work is for the test to find.
func haveKVM() error {
	fd, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("/dev/kvm: %w", err)
	}
	unix.Close(fd)
	return nil
}

func needKVM(t testing.TB) {
	t.Helper()
	if err := haveKVM(); err != nil {
		t.Skipf("needs KVM: %v", err)
	}
}

func needRoot(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: network and mount namespaces, other users")
	}
}

// newNetwork moves the test into a network namespace of its own, which ends
// with the test's thread. Processes the test starts are in it too.
func newNetwork(t testing.TB) {
	t.Helper()
	needRoot(t)
	if _, err := os.Stat(tunDevice); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
	check(t, unix.Unshare(unix.CLONE_NEWNET))
}

// addTAP makes a TAP that is up.
func addTAP(t testing.TB, name string, mtu int) {
	t.Helper()
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	check(t, netlink.LinkAdd(&netlink.Tuntap{LinkAttrs: attrs, Mode: netlink.TUNTAP_MODE_TAP}))
	link, err := netlink.LinkByName(name)
	check(t, err)
	check(t, netlink.LinkSetMTU(link, mtu))
	check(t, netlink.LinkSetUp(link))
}

// interfaces are the names of the interfaces of the test's namespace.
func interfaces(t testing.TB) string {
	t.Helper()
	links, err := netlink.LinkList()
	check(t, err)
	var names []string
	for _, l := range links {
		names = append(names, l.Attrs().Name)
	}
	return strings.Join(names, " ")
}

// tenderBinary is the command, built as it is shipped, in a folder that all users
// can look into; TestMain removes it.
var tenderBinary = sync.OnceValues(func() (string, error) {
	if err := os.Chmod(binaryDir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(binaryDir, "tender")
	cmd := exec.Command("go", "build", "-tags", "netgo,osusergo", "-ldflags", "-extldflags=-static", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

var binaryDir string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if binaryDir, err = os.MkdirTemp("", "tender-test-*"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(binaryDir)
		return m.Run()
	}())
}

// outcome is what a process left.
type outcome struct {
	status   int
	out, err string
}

// runTime bounds a process of a test.
const runTime = 20 * time.Second

// tenderCommand is the built command with arguments; it is not started.
func tenderCommand(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	path, err := tenderBinary()
	check(t, err)
	return exec.Command(path, args...)
}

// finish runs a command to its end.
func finish(t testing.TB, cmd *exec.Cmd) outcome {
	t.Helper()
	return finishWithin(t, cmd, runTime)
}

// buildTime bounds a process that compiles a standard library, maybe.
const buildTime = 5 * time.Minute

func finishWithin(t testing.TB, cmd *exec.Cmd, limit time.Duration) outcome {
	t.Helper()
	var out, err bytes.Buffer
	if cmd.Stdout == nil {
		cmd.Stdout = &out
	}
	cmd.Stderr = &err
	check(t, cmd.Start())
	return outcome{waitWithin(t, cmd, limit), out.String(), err.String()}
}

// wait is the status of a command that has been started: it ends the process
// that takes too long.
func wait(t testing.TB, cmd *exec.Cmd) int {
	t.Helper()
	return waitWithin(t, cmd, runTime)
}

func waitWithin(t testing.TB, cmd *exec.Cmd, limit time.Duration) int {
	t.Helper()
	kill := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	defer kill.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if cmd.ProcessState.ExitCode() < 0 {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), cmd.ProcessState)
	}
	return cmd.ProcessState.ExitCode()
}

// command runs the command inside the test's process.
func command(args ...string) outcome {
	var out, err bytes.Buffer
	status := tender(args, stdio{out: &out, err: &err})
	return outcome{status, out.String(), err.String()}
}

// oneLine says whether text is one message of ours.
func oneLine(text string) bool {
	return strings.HasPrefix(text, "tender: ") && strings.HasSuffix(text, "\n") && strings.Count(text, "\n") == 1
}
