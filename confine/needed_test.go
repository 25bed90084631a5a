package confine

import (
	"bufio"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// guestTime is enough for the guests that end, and the end of those that do
// not.
const guestTime = time.Second

// unseen are the rules whose need the test cannot show.
var unseen = map[string]string{
	"clock_gettime": "of hosts whose clock the vDSO cannot read",
	"brk":           "of tenders with thousands of threads, which malloc has too little for",
	"exit_group":    "this child ends by a signal, all others by it",
	"prctl":         "of kernels with CONFIG_ANON_VMA_NAME",
	// tests/e2e runs confined tenders whose guests do.
	"io_uring_enter": "of guests that move frames through a UMEM",
}

// Every rule is needed: a tender that runs guests, and whose runtime does all
// it can, makes each of the calls. strace shows them.
func TestNeeded(t *testing.T) {
	fd, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		t.Skipf("needs KVM: %v", err)
	}
	unix.Close(fd)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace to see system calls")
	}
	dir := t.TempDir()
	disk, trace := filepath.Join(dir, "disk"), filepath.Join(dir, "trace")
	check(t, os.WriteFile(disk, make([]byte, 1<<20), 0o600))
	cmd := child(t, act{Kind: "guest", Disk: disk})
	cmd.Path = strace
	cmd.Args = append([]string{strace, "-f", "-qq", "-e", "raw=all", "-e", "signal=none", "-o", trace}, cmd.Args...)
	output, err := cmd.StdoutPipe()
	check(t, err)
	var messages strings.Builder
	cmd.Stderr = &messages
	check(t, cmd.Start())
	kill := time.AfterFunc(3*time.Minute, func() { cmd.Process.Kill() })
	defer kill.Stop()

	var self report
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "{"):
			check(t, json.Unmarshal([]byte(line), &self))
		case strings.HasSuffix(line, "stop"):
			// It may take its time to stop, on a busy machine.
			go func() {
				for t.Context().Err() == nil && syscall.Kill(self.Self.PID, syscall.SIGCONT) == nil {
					time.Sleep(100 * time.Millisecond)
				}
			}()
		default:
			t.Log(line)
		}
	}
	err = cmd.Wait()
	// strace ends as its child does.
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGTERM {
		t.Fatalf("%v, %s", err, messages.String())
	}

	policy := self.Config.policy(self.Self)
	used := make(map[string]bool)
	for _, c := range confinedCalls(t, trace) {
		i := policy.Match(c.name, c.args)
		if i < 0 {
			t.Errorf("%s%#x has no rule", c.name, c.args)
			continue
		}
		used[policy[i].Call+policy[i].Why] = true
	}
	for _, r := range policy {
		if !used[r.Call+r.Why] && unseen[r.Call] == "" {
			t.Errorf("nothing needs %s (%s): %s", r.Call, r.Conditions(), r.Why)
			used[r.Call+r.Why] = true
		}
	}
}

// made is a system call that was made.
type made struct {
	name string
	args [6]uint64
}

// confinedCalls reads those after the filter was loaded from strace's file.
func confinedCalls(t *testing.T, path string) (calls []made) {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	confined := false
	for line := range strings.Lines(string(text)) {
		_, call, ok := strings.Cut(line, " ")
		if !ok {
			continue
		}
		name, rest, ok := strings.Cut(strings.TrimSpace(call), "(")
		if !ok || strings.HasPrefix(name, "<") {
			continue
		}
		if name == "seccomp" && strings.HasPrefix(rest, "0x1, 0x1, ") {
			confined, calls = true, nil // the last is the one, libseccomp has tried before
			continue
		}
		if !confined {
			continue
		}
		c := made{name: name}
		rest, _, _ = strings.Cut(rest, ")")
		rest = strings.TrimSuffix(rest, " <unfinished ...>")
		for i, word := range strings.Split(strings.TrimSpace(rest), ", ") {
			if word == "" || i > 5 {
				break
			}
			if c.args[i], err = strconv.ParseUint(strings.TrimPrefix(word, "0x"), 16, 64); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
		calls = append(calls, c)
	}
	return calls
}
