// Package block proves what a guest may expect of its block devices, with the
// tender and images built as users build them, under both tenders: all sizes
// of blocks, on files and on block devices of the host; failures of the host's
// storage; and what outlives kill -9 of the tender.
package block

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/hvt"
	"tender/toolchain"
)

// timeLimit is what a guest may take.
const timeLimit = 60 * time.Second

// scratch is the folder of what is built here.
var scratch string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "tender-block-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	scratch = dir
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

var tender = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "tender")
	out, err := exec.Command("go", "build", "-tags=netgo,osusergo", "-o", path, "tender/cmd/tender").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func imageOf(pkg string) func() (string, error) {
	return sync.OnceValues(func() (string, error) {
		path := filepath.Join(scratch, filepath.Base(pkg)+".hvt")
		_, err := toolchain.Build(context.Background(), toolchain.Options{Package: pkg, Output: path})
		return path, err
	})
}

var (
	ledger = imageOf("tender/appliances/ledger")
	disk   = imageOf("tender/tests/guests/disk")
)

// eachTender runs a test under both tenders. start are the options of each.
func eachTender(t *testing.T, f func(t *testing.T, start []string)) {
	t.Run("hvt", func(t *testing.T) {
		if probe, err := hvt.ProbeKVM(); err != nil || !probe.User {
			t.Skipf("this needs a /dev/kvm that can start a guest in user mode: %v", err)
		}
		f(t, nil)
	})
	t.Run("spt", func(t *testing.T) { f(t, []string{"--spt"}) })
}

// command is a tender with an image. Arguments that begin with --block are the
// tender's, the rest is the guest's.
func command(ctx context.Context, t testing.TB, image func() (string, error), start []string, args ...string) *exec.Cmd {
	t.Helper()
	program, err := tender()
	check(t, err)
	path, err := image()
	check(t, err)
	var options, rest []string
	for _, a := range args {
		if strings.HasPrefix(a, "--block") {
			options = append(options, a)
		} else {
			rest = append(rest, a)
		}
	}
	words := append(append(append([]string{"--mem=32"}, start...), options...), path)
	return exec.CommandContext(ctx, program, append(words, rest...)...)
}

// ended is how a tender ended.
type ended struct {
	status   int
	out, err string
}

// run runs an image to its end, with the arguments of command.
// tender's, the rest is the guest's.
func run(t testing.TB, image func() (string, error), start []string, args ...string) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	cmd := command(ctx, t, image, start, args...)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return ended{cmd.ProcessState.ExitCode(), out.String(), msg.String()}
}

// must wants a status, and texts on stdout and stderr; "" for nothing on
// stderr.
func (e ended) must(t testing.TB, status int, out, err string) {
	t.Helper()
	if e.status != status || !strings.Contains(e.out, out) || !strings.Contains(e.err, err) || err == "" && e.err != "" {
		t.Errorf("status %d, stdout %q, stderr %q; want %d, %q, %q", e.status, e.out, e.err, status, out, err)
	}
}

// file makes a file of n zero bytes.
func file(t testing.TB, dir string, n int64) string {
	t.Helper()
	path := filepath.Join(dir, "disk.img")
	check(t, os.WriteFile(path, nil, 0o600))
	check(t, os.Truncate(path, n))
	return path
}

// loop makes a block device of a file.
func loop(t testing.TB, path string) string {
	t.Helper()
	out, err := exec.Command("losetup", "--find", "--show", path).CombinedOutput()
	if err != nil {
		t.Skipf("this needs a loop device: %v: %s", err, out)
	}
	dev := strings.TrimSpace(string(out))
	t.Cleanup(func() { check(t, exec.Command("losetup", "--detach", dev).Run()) })
	return dev
}

// smallFS mounts a file system with room for n bytes, which only the thread
// of the test and the processes it starts see.
func smallFS(t testing.TB, n int) string {
	t.Helper()
	runtime.LockOSThread() // for good: the thread ends with the test
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		t.Skipf("this needs a mount namespace: %v", err)
	}
	check(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	dir := t.TempDir()
	check(t, unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%d", n)))
	t.Cleanup(func() { check(t, unix.Unmount(dir, unix.MNT_DETACH)) })
	return dir
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
