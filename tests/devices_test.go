package tests

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/blockback"
	"tender/netback"
)

// cable makes a device and the far end of its cable.
func cable(t *testing.T) (netback.Device, *netback.Wire) {
	t.Helper()
	dev, wire := netback.NewPipe(1500)
	t.Cleanup(func() {
		if err := errors.Join(dev.Close(), wire.Close()); err != nil {
			t.Error(err)
		}
	})
	return dev, wire
}

// send puts a frame on the cable, waiting while its queue is full.
func send(t *testing.T, wire *netback.Wire, frame []byte) {
	t.Helper()
	for deadline := time.Now().Add(timeLimit); ; time.Sleep(100 * time.Microsecond) {
		err := wire.Send(frame)
		if err == nil {
			return
		}
		if err != unix.EAGAIN || time.Now().After(deadline) {
			t.Errorf("sending a frame: %v", err)
			return
		}
	}
}

// prompt calls f once, in a goroutine, when the guest has printed a text.
type prompt struct {
	text string
	f    func()
	seen bytes.Buffer
}

func (p *prompt) Write(b []byte) (int, error) {
	p.seen.Write(b)
	if p.f != nil && strings.Contains(p.seen.String(), p.text) {
		go p.f()
		p.f = nil
	}
	return len(b), nil
}

func TestEcho(t *testing.T) {
	dev, wire := cable(t)
	done := make(chan struct{})
	play := func() {
		defer close(done)
		buf := make([]byte, 2000)
		for i := range 200 {
			frame := make([]byte, 14+i*1500/199)
			copy(frame, "\x02abcde\x02fghij\x08\x00")
			for j := 14; j < len(frame); j++ {
				frame[j] = byte(i + j)
			}
			want := bytes.Clone(frame)
			copy(want, "\x02fghij\x02abcde")
			send(t, wire, frame)
			n, err := wire.Receive(buf, timeLimit)
			if err != nil || !bytes.Equal(buf[:n], want) {
				t.Errorf("frame %d of %d bytes: %d came back, %v", i, len(frame), n, err)
				break
			}
		}
		time.Sleep(20 * time.Millisecond) // for the guest's ticker
		send(t, wire, append(make([]byte, 12), 0xff, 0xff))
	}
	e := run(t, guest{name: "echo", net: map[string]netback.Device{"net0": dev}, console: &prompt{text: "ready", f: play}})
	e.mustPrint(t, fmt.Sprintf("ready %x 1500\nok\n", dev.MAC()))
	<-done
}

func TestWaiting(t *testing.T) {
	dev, wire := cable(t)
	play := func() {
		time.Sleep(10 * time.Millisecond)
		send(t, wire, make([]byte, 60))
		send(t, wire, make([]byte, 1514))
	}
	run(t, guest{name: "waiting", net: map[string]netback.Device{"net0": dev}, console: &prompt{text: "ready", f: play}}).
		mustPrint(t, "ready\n60 <nil>\n1514 <nil>\n")
}

func TestPoller(t *testing.T) {
	left, leftWire := cable(t)
	right, rightWire := cable(t)
	const frames = 2000
	play := func() {
		frame := make([]byte, 60)
		for i := range frames {
			binary.BigEndian.PutUint32(frame[56:], uint32(i))
			send(t, leftWire, frame)
			if i%7 == 0 {
				time.Sleep(time.Millisecond) // sometimes the guest runs out of frames
			}
			send(t, rightWire, frame)
		}
	}
	run(t, guest{name: "poller", args: []string{fmt.Sprint(frames)},
		net: map[string]netback.Device{"left": left, "right": right}, console: &prompt{text: "ready", f: play}}).
		mustPrint(t, fmt.Sprintf("ready\n[%d %d]\n", frames, frames))
}

// A frame that nobody reads must not keep the vCPU from sleeping.
func TestUndrained(t *testing.T) {
	left, leftWire := cable(t)
	right, _ := cable(t)
	send(t, leftWire, make([]byte, 60))
	e := runAsleep(t, guest{name: "undrained", net: map[string]netback.Device{"left": left, "right": right}})
	e.mustPrint(t, "sleeping\nawake\n60 <nil>\n")
}

// A device that has failed must not either, and the guest is told.
func TestUnplugged(t *testing.T) {
	dev, wire := netback.NewPipe(1500)
	defer dev.Close()
	cut := func() {
		time.Sleep(10 * time.Millisecond)
		if err := wire.Close(); err != nil {
			t.Error(err)
		}
	}
	e := runAsleep(t, guest{name: "unplugged", net: map[string]netback.Device{"net0": dev}, console: &prompt{text: "ready", f: cut}})
	e.mustPrint(t, "ready\nsleeping\nawake\n")
}

// runAsleep runs a guest that should use next to no CPU time between its
// output of "sleeping" and "awake", at most a second later.
func runAsleep(t *testing.T, g guest) ended {
	t.Helper()
	var used [2]time.Duration
	asleep := &stamp{text: "sleeping", at: func() { used[0] = cpuTime(t) }}
	awake := &stamp{text: "awake", at: func() { used[1] = cpuTime(t) }}
	if g.console == nil {
		g.console = io.Discard
	}
	g.console = io.MultiWriter(g.console, asleep, awake)
	e := run(t, g)
	if spent := used[1] - used[0]; spent > 200*time.Millisecond {
		t.Errorf("%v of CPU time while asleep", spent)
	} else {
		t.Logf("%v of CPU time while asleep", spent)
	}
	return e
}

// stamp calls at, on the vCPU's thread, when the guest prints a text.
type stamp struct {
	text string
	at   func()
}

func (s *stamp) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(s.text)) {
		s.at()
	}
	return len(b), nil
}

// cpuTime is what this process has used.
func cpuTime(t *testing.T) time.Duration {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		t.Error(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// disk makes a block device whose blocks begin with their number.
func disk(t *testing.T, blocks, blockBytes int) (blockback.Device, string) {
	t.Helper()
	data := make([]byte, blocks*blockBytes)
	for i := range blocks {
		data[i*blockBytes] = byte(i)
	}
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	dev, err := blockback.OpenFile(path, blockback.Options{BlockBytes: blockBytes})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dev.Close(); err != nil {
			t.Error(err)
		}
	})
	return dev, path
}

func TestDisk(t *testing.T) {
	for _, size := range []int{512, 4096} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			const blocks = 64
			dev, path := disk(t, blocks, size)
			run(t, guest{name: "disk", block: map[string]blockback.Device{"disk": dev}}).
				mustPrint(t, fmt.Sprintf("%d %d\nok\n", blocks*size, size))
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := bytes.Repeat([]byte("written by guest"), size/8)
			if !bytes.Equal(data[3*size:5*size], want) || data[5*size] != 5 || data[2*size] != 2 {
				t.Error("the file does not hold what the guest has written")
			}
		})
	}
}

func TestDevices(t *testing.T) {
	nic, _ := cable(t)
	block, _ := disk(t, 8, 512)
	run(t, guest{name: "devices", net: map[string]netback.Device{"net0": nic}, block: map[string]blockback.Device{"disk": block}}).
		mustPrint(t, "ok\n")
}
