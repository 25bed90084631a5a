package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tender/hvt"
)

// Where the tests run without compilers, these name a tender command and a
// folder that Build filled.
const (
	tenderVariable = "TENDER"
	guestsVariable = "TENDER_CONFORMANCE_GUESTS"
)

// timeLimit is what a guest may take where the CPU itself is emulated.
const timeLimit = 60 * time.Second

// scratch holds what this run of the tests builds.
var scratch string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if scratch, err = os.MkdirTemp("", "conformance-*"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(scratch)
		return m.Run()
	}())
}

// tenderPath is the command, built as it is shipped unless one is given.
var tenderPath = sync.OnceValues(func() (string, error) {
	if given := os.Getenv(tenderVariable); given != "" {
		return given, nil
	}
	path := filepath.Join(scratch, "tender")
	cmd := exec.Command("go", "build", "-tags", "netgo,osusergo", "-ldflags", "-linkmode=external -extldflags=-static",
		"-o", path, "tender/cmd/tender")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // for libseccomp
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// guestDir is where the images are.
var guestDir = sync.OnceValues(func() (string, error) {
	if given := os.Getenv(guestsVariable); given != "" {
		return given, nil
	}
	return scratch, Build(context.Background(), scratch)
})

// guest is the path of an image. The test is skipped where it cannot be made.
func guest(t testing.TB, name, target string) string {
	t.Helper()
	if os.Getenv(guestsVariable) == "" {
		for _, tool := range []string{"as", "ld"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skipf("the guests are in assembly, and GNU binutils are not installed: %v", err)
			}
		}
	}
	dir, err := guestDir()
	check(t, err)
	return filepath.Join(dir, name+"."+target)
}

// outcome is how a tender ended. A guest's signal is the tender's status as a
// shell says it: 128 and the number.
type outcome struct {
	status   int
	out, err string
}

// run runs the tender command to its end.
func run(t testing.TB, args ...string) outcome {
	t.Helper()
	path, err := tenderPath()
	check(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err = cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("tender %q did not end; stdout %q, stderr %q", args, out.String(), messages.String())
	}
	return outcome{shellStatus(t, cmd, err), out.String(), withoutNotice(messages.String())}
}

// shellStatus is a shell's number for how a command ended.
func shellStatus(t testing.TB, cmd *exec.Cmd, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal())
	}
	return cmd.ProcessState.ExitCode()
}

// withoutNotice drops what the tender says where KVM emulates.
func withoutNotice(messages string) string {
	var b strings.Builder
	for line := range strings.Lines(messages) {
		if !strings.Contains(line, "emulates kernel-mode code, without SSE: it is slow") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// onEach runs the test for each target that there is here.
func onEach(t *testing.T, test func(t *testing.T, target string)) {
	for _, target := range Targets {
		t.Run(target, func(t *testing.T) {
			need(t, target)
			test(t, target)
		})
	}
}

// need skips the test where guests of the target cannot run.
func need(t testing.TB, target string) {
	t.Helper()
	if target != "hvt" {
		return
	}
	if _, err := probeKVM(); err != nil {
		t.Skipf("needs KVM: %v", err)
	}
}

var probeKVM = sync.OnceValues(hvt.ProbeKVM)

// needNative skips what the instruction emulator of software KVM cannot do.
func needNative(t testing.TB) {
	t.Helper()
	if probe, err := probeKVM(); err != nil || !probe.Kernel {
		t.Skip("needs a /dev/kvm that runs kernel-mode code natively: make test-hardware has one")
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// file makes a file with the bytes in a folder of the test's.
func file(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	check(t, os.WriteFile(path, data, 0o755))
	return path
}
