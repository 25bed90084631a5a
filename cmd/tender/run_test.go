package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

func TestRunStatusAndConsole(t *testing.T) {
	needKVM(t)
	status := func(n int32) string { return new(guest).puts("x").halt(n).file(t) }
	zero, seven, abort, wide := status(0), status(7), status(255), status(256+3)
	for _, c := range []struct {
		args   []string
		status int
		out    string
	}{
		{[]string{zero}, 0, "x"},
		{[]string{"run", zero}, 0, "x"},
		{[]string{"--", zero}, 0, "x"},
		{[]string{"run", "--mem=2", "--", zero}, 0, "x"},
		{[]string{"--mem=4096", zero}, 0, "x"},
		{[]string{"--start=user", zero}, 0, "x"},
		{[]string{seven}, 7, "x"},
		{[]string{abort}, 255, "x"},
		{[]string{wide}, 3, "x"},
	} {
		if got := command(c.args...); got != (outcome{c.status, c.out, ""}) {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
}

func TestRunArguments(t *testing.T) {
	needKVM(t)
	g := new(guest)
	path := g.print(g.cmdline(), 32).halt(0).file(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, ""},
		{[]string{"a", "--net=x", "--", "-h"}, "a --net=x -- -h"},
		{[]string{"", "a", "", "b", ""}, " a  b "},
	} {
		got := command(append([]string{"--mem=4", path}, c.args...)...)
		if text := strings.TrimRight(got.out, "\x00"); got.status != 0 || text != c.want {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
	// A file with the name of a command.
	dir := openDir(t)
	check(t, os.WriteFile(filepath.Join(dir, "build"), hello().bytes(t), 0o644))
	for _, args := range [][]string{{"run", "build"}, {"--", "build"}, {"./build"}, {"--mem=4", "build"}} {
		cmd := tenderCommand(t, args...)
		cmd.Dir = dir
		if got := finish(t, cmd); got != (outcome{0, "hello\n", ""}) {
			t.Errorf("%q: %+v", args, got)
		}
	}
}

// The devices a guest gets are those of the options: it shows its manifest.
func TestRunDevices(t *testing.T) {
	needKVM(t)
	newNetwork(t)
	addTAP(t, "tap0", 1300)
	addTAP(t, "tap1", 1400)
	disk := writeFile(t, "disk", make([]byte, 8192))
	g := &guest{manifest: image.Manifest{
		netDevice("outside"), blockDevice("data"),
		{Name: "inside", Type: abi.DeviceNet, PresetMAC: [6]byte{2, 0, 0, 0, 0, 9}},
	}}
	size := len(g.manifest.Binary())
	path := g.print(abi.HVTBootInfo+56, size).halt(0).file(t)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	defer unix.Close(pair[1])

	for _, c := range []struct {
		options                string
		outsideMTU, insideMTU  uint16
		outsideMAC, sectorSize uint64 // 0: any, the default
	}{
		{"--net=tap0 --net=tap1", 1300, 1400, 0, 0},
		{"--net=tap0 --net:outside=tap1", 1400, 1300, 0, 0},
		{"--net:inside=tap0 --net=tap1 --net-mac:outside=02:00:00:00:00:07", 1400, 1300, 7, 0},
		{"--net:outside=@3 --net=tap1 --block-sector-size:data=4096", 1500, 1400, 0, 4096},
	} {
		cmd := tenderCommand(t, append(strings.Fields(c.options), "--block="+disk, path)...)
		inherited := os.NewFile(uintptr(must(unix.Dup(pair[0]))), "pair")
		cmd.ExtraFiles = []*os.File{inherited}
		got := finish(t, cmd)
		check(t, inherited.Close())
		if got.status != 0 || len(got.out) != size {
			t.Fatalf("%s: %+v", c.options, got)
		}
		entry := func(handle int) []byte { return []byte(got.out)[8+104*handle:][72:88] }
		outside, data, inside := entry(1), entry(2), entry(3)
		if mtu := binary.LittleEndian.Uint16(outside[6:]); mtu != c.outsideMTU {
			t.Errorf("%s: MTU %d outside", c.options, mtu)
		}
		if mtu := binary.LittleEndian.Uint16(inside[6:]); mtu != c.insideMTU {
			t.Errorf("%s: MTU %d inside", c.options, mtu)
		}
		if !bytes.Equal(inside[:6], []byte{2, 0, 0, 0, 0, 9}) {
			t.Errorf("%s: MAC %x inside is not the image's", c.options, inside[:6])
		}
		if c.outsideMAC != 0 && outside[5] != byte(c.outsideMAC) {
			t.Errorf("%s: MAC %x outside", c.options, outside[:6])
		}
		if n := binary.LittleEndian.Uint16(data[8:]); uint64(n) != max(c.sectorSize, 512) {
			t.Errorf("%s: sectors of %d bytes", c.options, n)
		}
	}
	if left := interfaces(t); left != "lo tap0 tap1" {
		t.Errorf("interfaces afterwards: %s", left)
	}
}

func must(fd int, err error) int {
	if err != nil {
		panic(err)
	}
	return fd
}

// A guest that never ends is ended by a signal, whatever it does.
func TestRunSignals(t *testing.T) {
	needKVM(t)
	spin := new(guest).puts("up\n").file(t)
	sleep := new(guest).puts("up\n").call(abi.HypercallPoll, abi.PollArgs{TimeoutNanos: 3600e9}).file(t)
	chatter := (&guest{loop: true}).puts("up\n").file(t)
	for _, c := range []struct {
		what, path string
		sig        syscall.Signal
		read       bool // somebody reads the console
		says       string
	}{
		{"computes", spin, syscall.SIGINT, true, "tender: Exiting on signal 2\n"},
		{"computes", spin, syscall.SIGTERM, true, "tender: Exiting on signal 15\n"},
		{"sleeps", sleep, syscall.SIGTERM, true, "tender: Exiting on signal 15\n"},
		{"prints", chatter, syscall.SIGTERM, true, "tender: Exiting on signal 15\n"},
		{"prints to a full pipe", chatter, syscall.SIGINT, false, "tender: Exiting on signal 2\n"},
	} {
		cmd := tenderCommand(t, c.path)
		r, w, err := os.Pipe()
		check(t, err)
		var messages bytes.Buffer
		cmd.Stdout, cmd.Stderr = w, &messages
		check(t, cmd.Start())
		check(t, w.Close())
		_, err = io.ReadFull(r, make([]byte, 3)) // it is up
		check(t, err)
		if c.read {
			go io.Copy(io.Discard, r)
		} else {
			time.Sleep(100 * time.Millisecond) // until the pipe is full
		}
		check(t, cmd.Process.Signal(c.sig))
		if status := wait(t, cmd); status != 1 || messages.String() != c.says {
			t.Errorf("%s, signal %d: status %d, %q", c.what, c.sig, status, messages.String())
		}
		check(t, r.Close())
	}
}

// A console that cannot be written to is an error, not a hang or a death.
func TestRunBadConsole(t *testing.T) {
	needKVM(t)
	path := hello().file(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	check(t, err)
	defer full.Close()
	r, broken, err := os.Pipe()
	check(t, err)
	defer broken.Close()
	check(t, r.Close())
	for what, out := range map[string]*os.File{"full": full, "broken": broken} {
		for _, args := range [][]string{{path}, {"--help"}, {"--version"}} {
			if what == "broken" && args[0] != path {
				continue // as with any command, the pipe's signal ends it
			}
			cmd := tenderCommand(t, args...)
			cmd.Stdout = out
			if got := finish(t, cmd); got.status != 1 || !oneLine(got.err) {
				t.Errorf("%s, %q: %+v", what, args, got)
			}
		}
	}
	// Both at once, and both closed: nothing can be said.
	for _, line := range []string{`"$0" "$1" 2>&1 | true; exit ${PIPESTATUS[0]}`, `"$0" "$1" >&- 2>&-`} {
		cmd := tenderCommand(t)
		shell := exec.Command("bash", "-c", line, cmd.Path, path)
		if got := finish(t, shell); got.status > 1 {
			t.Errorf("%s: %+v", line, got)
		}
	}
}

// A console in non-blocking mode, as some parents leave it, loses nothing.
func TestRunNonblockingConsole(t *testing.T) {
	needKVM(t)
	const lines, line = 4000, "a line of forty-eight characters, newline too..\n"
	g := new(guest)
	at := uint64(g.put([]byte(strings.Repeat(line, lines))))
	path := g.print(at, lines*len(line)).halt(0).file(t)
	var fds [2]int
	check(t, unix.Pipe2(fds[:], unix.O_CLOEXEC))
	check(t, unix.SetNonblock(fds[1], true))
	w := os.NewFile(uintptr(fds[1]), "console")
	r := os.NewFile(uintptr(fds[0]), "reader")
	cmd := tenderCommand(t, path)
	cmd.Stdout = w
	check(t, cmd.Start())
	check(t, w.Close())
	time.Sleep(50 * time.Millisecond)
	text, err := io.ReadAll(r)
	check(t, err)
	if status := wait(t, cmd); status != 0 || string(text) != strings.Repeat(line, lines) {
		t.Errorf("status %d, %d bytes of %d", status, len(text), lines*len(line))
	}
}

func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"--version"}, {"version"}, {"--mem=64", "--version"}, {"--version", "x"}} {
		got := command(args...)
		lines := strings.Split(got.out, "\n")
		if got.status != 0 || got.err != "" || len(lines) != 3 || !strings.HasPrefix(lines[0], "tender, version ") || lines[1] != "ABI version 2" || lines[2] != "" {
			t.Errorf("%q: %+v", args, got)
		}
	}
	if got := command("x-no-such.hvt", "--version"); got.status != 1 {
		t.Errorf("--version of the guest: %+v", got)
	}
}
