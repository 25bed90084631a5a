package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"syscall"
	"testing"
	"time"

	"tender/abi"
)

// orderly is a guest that sleeps until it is asked to stop, and then says so
// and ends with the status; a negative one makes it sleep on.
func orderly(status int32) *guest {
	g := new(guest)
	g.events = uint64(g.put(abi.Events{}))
	g.puts("up\n")
	loop := len(g.text)
	g.call(abi.HypercallPoll, abi.PollArgs{TimeoutNanos: 3600e9})
	g.text = append(g.text, 0x83, 0x3c, 0x25) // cmpl $0, stop
	g.text = append(binary.LittleEndian.AppendUint32(g.text, uint32(g.events)+48), 0)
	g.text = binary.LittleEndian.AppendUint32(append(g.text, 0x0f, 0x84), uint32(loop-len(g.text)-6)) // je loop
	if status < 0 {
		g.text = append(g.text, 0x83, 0x24, 0x25) // andl $0, stop
		g.text = append(binary.LittleEndian.AppendUint32(g.text, uint32(g.events)+48), 0)
		g.puts("no\n")
		g.text = binary.LittleEndian.AppendUint32(append(g.text, 0xe9), uint32(loop-len(g.text)-5)) // jmp loop
		return g
	}
	return g.puts("bye\n").halt(status)
}

// A guest is asked to stop and ended later, by the grace or another signal.
func TestGrace(t *testing.T) {
	needKVM(t)
	willing, unwilling, deadly := orderly(7).file(t), orderly(-1).file(t), orderly(abi.ExitStopped).file(t)
	for _, c := range []struct {
		what, path string
		args       []string
		signals    []syscall.Signal
		status     int
		console    string
		says       string
	}{
		{"orderly", willing, nil, []syscall.Signal{syscall.SIGTERM}, 7, "up\nbye\n", ""},
		{"orderly after ^C", willing, nil, []syscall.Signal{syscall.SIGINT}, 7, "up\nbye\n", ""},
		{"not confined", willing, []string{"--no-confine"}, []syscall.Signal{syscall.SIGINT}, 7, "up\nbye\n", ""},
		{"no grace", willing, []string{"--grace=0"}, []syscall.Signal{syscall.SIGTERM}, 1, "up\n", "tender: Exiting on signal 15\n"},
		{"does not handle it", deadly, nil, []syscall.Signal{syscall.SIGTERM}, 1, "up\nbye\n", "tender: Exiting on signal 15\n"},
		{"goes on", unwilling, []string{"--grace=50ms"}, []syscall.Signal{syscall.SIGTERM}, 1, "up\nno\n", "tender: Exiting on signal 15: the guest has not stopped within 50ms\n"},
		{"second signal", unwilling, nil, []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}, 1, "up\nno\n", "tender: Exiting on signal 2\n"},
	} {
		cmd := tenderCommand(t, append(c.args, c.path)...)
		r, w, err := os.Pipe()
		check(t, err)
		var console, messages bytes.Buffer
		cmd.Stdout, cmd.Stderr = w, &messages
		check(t, cmd.Start())
		check(t, w.Close())
		read := func(n int64) {
			_, err := io.CopyN(&console, r, n)
			check(t, err)
		}
		read(3)                           // it is up
		time.Sleep(50 * time.Millisecond) // and asleep
		for i, sig := range c.signals {
			if i > 0 {
				read(3) // it has heard the one before
			}
			check(t, cmd.Process.Signal(sig))
		}
		_, err = io.Copy(&console, r)
		check(t, err)
		if status := wait(t, cmd); status != c.status || console.String() != c.console || messages.String() != c.says {
			t.Errorf("%s: status %d, console %q, %q", c.what, status, console.String(), messages.String())
		}
		check(t, r.Close())
	}
}
