package inside

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// timeLimit is what a guest may take on an emulated CPU.
const timeLimit = 2 * time.Minute

// Programs that check themselves, in every mode that a guest can start in.
func TestGuests(t *testing.T) {
	tender, images := os.Getenv("TENDER"), os.Getenv("TENDER_IMAGES")
	if tender == "" || images == "" {
		t.Skip("runs in the machine of make test-hardware only")
	}
	for _, mode := range []string{"--start=user", "--start=kernel", "--strict-solo5"} {
		t.Run(strings.TrimLeft(mode, "-"), func(t *testing.T) {
			for _, c := range []struct {
				name   string
				args   []string
				status int
				out    []string // what the output has in it
			}{
				{"hello", nil, 0, []string{"Hello from a unikernel\n"}},
				{"args", []string{"--one", "two"}, 0, []string{`["args" "--one" "two"]`}},
				{"exit", []string{"77"}, 77, nil},
				{"output", nil, 0, []string{"to stdout\nto stderr\n", "line 9999\n"}},
				{"language", nil, 0, nil},
				{"recover", nil, 0, []string{"nil func: runtime error: invalid memory address", "divide: runtime error: integer divide by zero", "ok\n"}},
				{"uncaught", []string{"nil"}, 2, []string{"panic: runtime error: invalid memory address", "uncaught/main.go:"}},
				{"deadlock", nil, 2, []string{"all goroutines are asleep - deadlock!"}},
				{"goroutines", nil, 0, []string{"goroutines left 1\n"}},
				{"threads", nil, 0, []string{"ok\n"}},
				{"wakeup", nil, 0, []string{"ok\n"}},
				{"stack", nil, 0, []string{"ok\n"}},
				{"memory", nil, 0, nil},
				{"random", nil, 0, nil},
				{"signals", nil, 255, []string{"ok\n", "ended itself by signal 0x000000000000000f"}},
				{"stdlib", nil, 0, []string{"ok\n"}},
				{"tls", nil, 0, []string{"TLS 1.3: HELLO\n"}},
				{"spin", nil, 0, []string{"ok\n"}},
				{"vectors", nil, 0, []string{"ok\n"}},
			} {
				t.Run(c.name, func(t *testing.T) {
					if mode == "--strict-solo5" && (c.name == "spin" || c.name == "vectors") {
						t.Skip("Solo5's contract has no ticks: what computes without end keeps the CPU")
					}
					ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
					defer cancel()
					args := append([]string{"--mem=64", mode, filepath.Join(images, c.name+".hvt")}, c.args...)
					cmd := exec.CommandContext(ctx, tender, args...)
					var out, messages bytes.Buffer
					cmd.Stdout, cmd.Stderr = &out, &messages
					err := cmd.Run()
					var exit *exec.ExitError
					if err != nil && !errors.As(err, &exit) {
						t.Fatal(err)
					}
					ok := cmd.ProcessState.ExitCode() == c.status && messages.Len() == 0
					for _, text := range c.out {
						ok = ok && strings.Contains(out.String(), text)
					}
					if !ok {
						t.Errorf("%v, want status %d and %q; stderr %q, stdout:\n%.3000s", cmd.ProcessState, c.status, c.out, messages.String(), out.String())
					}
				})
			}
		})
	}
}
