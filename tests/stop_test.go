package tests

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"tender/image"
	"tender/machine"
)

// Guests that are asked to stop: idle ones, busy ones, and those that do not
// want to.
func TestStop(t *testing.T) {
	if *tenderKind == "hvt" {
		needKVM(t)
	}
	const long = 30 * time.Second
	for _, c := range []struct {
		how     string
		grace   time.Duration
		status  int
		console string
		says    string // of the error, "" for none
	}{
		{"waits", long, 7, "up\nasked by terminated\n", ""},
		{"computes", long, 7, "up\nasked by terminated\n", ""},
		{"sleeps", long, 7, "up\nasked by terminated\n", ""},
		{"waits", 0, 0, "up\n", "asked"},
		{"defaults", long, 0, "up\n", "asked"},
		{"spins", long, 0, "up\n", "asked"},
		{"ignores", 100 * time.Millisecond, 0, "up\n", "asked: the guest has not stopped within 100ms"},
		{"lingers", 100 * time.Millisecond, 0, "up\n", "asked: the guest has not stopped within 100ms"},
	} {
		t.Run(c.how+"/"+c.grace.String(), func(t *testing.T) {
			t.Parallel()
			im, err := image.Open(imageOf(t, "./guests/graceful"))
			if err != nil {
				t.Fatal(err)
			}
			defer im.Close()
			ask, cancel := context.WithCancelCause(t.Context())
			console := &upConsole{up: func() { cancel(errors.New("asked")) }}
			vm, err := newMachine(machine.Config{Image: im, Args: []string{c.how}, MemBytes: 64 << 20, Console: console})
			if err != nil {
				t.Fatal(err)
			}
			defer vm.Close()
			end, stop := context.WithTimeout(t.Context(), timeLimit)
			defer stop()
			exit, err := machine.RunUntil(ask, end, vm, c.grace)
			said := ""
			if err != nil {
				said = err.Error()
			}
			if exit.Status != c.status || console.String() != c.console || said != c.says {
				t.Errorf("%+v, %v; console:\n%s", exit, err, console)
			}
		})
	}
}

// upConsole calls up at the first line.
type upConsole struct {
	bytes.Buffer
	up func()
}

func (c *upConsole) Write(p []byte) (int, error) {
	if c.Len() == 0 {
		// The program goes on to where it waits.
		time.AfterFunc(50*time.Millisecond, c.up)
	}
	return c.Buffer.Write(p)
}
