package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/netback"
)

// header is the place of a field in a program header.
type header int

// Places in a program header.
const (
	segmentFlags header = 4
	segmentVaddr header = 16
	segmentMemsz header = 40
)

// programHeader is where the n-th program header of an image of ours lies:
// interpreter, ABI note, manifest note, extension note, text, data.
func (h header) of(n int) int { return 64 + 56*n + int(h) }

// patch changes a u32 of an image.
func patch(file []byte, at int, value uint32) []byte {
	file = bytes.Clone(file)
	binary.LittleEndian.PutUint32(file[at:], value)
	return file
}

// notes are the places of the notes' contents and types in an image of ours.
type notes struct{ abi, manifest, manifestType, tenderType int }

func findNotes(t testing.TB, file []byte) notes {
	t.Helper()
	name := []byte(abi.Solo5NoteName)
	first := bytes.Index(file, name)
	second := first + 1 + bytes.Index(file[first+1:], name)
	third := bytes.Index(file, []byte(abi.TenderNoteName))
	if first < 0 || second <= first || third < 0 {
		t.Fatal("the image lacks a note")
	}
	return notes{abi: first + 8, manifest: second + 12, manifestType: second - 4, tenderType: third - 4}
}

// Whatever is wrong, there is one line about it, the status is 1, and nothing
// is left behind.
func TestBadInput(t *testing.T) {
	newNetwork(t)
	addTAP(t, "tap0", 1500)
	addTAP(t, "busy", 1500)
	addTAP(t, "dark", 1500)
	sh(t, "ip link set dark down && ip link add veth0 type veth peer name veth1")
	held, err := netback.OpenTAP("busy", netback.Options{})
	check(t, err)
	defer held.Close()

	good := hello().bytes(t)
	dir := openDir(t)
	file := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		check(t, os.WriteFile(path, data, 0o644))
		return path
	}
	ok := file("good.hvt", good)
	one := file("net.hvt", withDevices(netDevice("outside")).bytes(t))
	two := file("nets.hvt", withDevices(netDevice("outside"), netDevice("inside")).bytes(t))
	disk := file("block.hvt", withDevices(blockDevice("data")).bytes(t))
	note := findNotes(t, good)
	self, err := tenderBinary()
	check(t, err)
	check(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o644))

	type row struct {
		what string
		args []string
		says string
	}
	table := []row{
		{"no such image", []string{filepath.Join(dir, "none.hvt")}, "no such file"},
		{"a command misspelt", []string{"biuld", "."}, "did you mean tender build?"},
		{"a folder", []string{dir}, "invalid executable"},
		{"a FIFO", []string{filepath.Join(dir, "fifo")}, "invalid executable"},
		{"not an ELF", []string{file("text", []byte("#!/bin/sh\necho this is a script, and a rather long one for a header\n"))}, "invalid executable"},
		{"empty", []string{file("empty", nil)}, "invalid executable"},
		{"wrong machine", []string{file("arm", patch(good, 18, 183|1<<16))}, "invalid executable"},
		{"no notes", []string{self}, "No Solo5 ABI information found"},
		{"no manifest", []string{file("nomft", patch(good, note.manifestType, 0))}, "No Solo5 manifest found"},
		{"other target", []string{file("spt", patch(good, note.abi, 3))}, "not for the solo5-hvt target"},
		{"unknown target", []string{file("target", patch(good, note.abi, 99))}, "not for the solo5-hvt target"},
		{"unknown ABI version", []string{file("abi", patch(good, note.abi+4, 3))}, "unsupported ABI version 3"},
		{"unknown manifest version", []string{file("mft", patch(good, note.manifest, 9))}, "manifest is invalid"},
		{"W+X segment", []string{file("wx", patch(good, segmentFlags.of(4), 7))}, "WRITE and EXEC"},
		{"segment below the minimum", []string{file("low", patch(good, segmentVaddr.of(4), 0x1000))}, "invalid executable"},
		{"segment outside memory", []string{"--mem=16", file("high", patch(good, segmentVaddr.of(5), 0x2000000|guestData&0xfff))}, "invalid executable"},
		{"segment of absurd size", []string{file("huge", patch(good, segmentMemsz.of(5)+4, 0x7fffffff))}, "invalid executable"},
		{"too little memory", []string{"--mem=2", file("big", patch(good, segmentMemsz.of(5), 4<<20))}, "invalid executable"},
		{"no memory", []string{"--mem=0", ok}, "1 to 4096"},
		{"absurd memory", []string{"--mem=1000000", ok}, "1 to 4096"},
		{"memory that is no number", []string{"--mem=64M", ok}, "whole number"},
		{"unknown option", []string{"--nte=tap0", ok}, "did you mean --net=IF"},
		{"unknown option and no image", []string{"--bogus"}, "unknown option --bogus"},
		{"nothing", nil, "no IMAGE"},
		{"image before option", []string{"--bogus", filepath.Join(dir, "none.hvt")}, "none.hvt"},
		{"device not attached", []string{one}, `network device "outside" is not attached: add --net:outside=IFACE (or --net=IFACE)`},
		{"one of two not attached", []string{"--net=tap0", two}, `network device "inside" is not attached`},
		{"undeclared device", []string{"--net:x=tap0", one}, "its manifest declares --net:outside"},
		{"device for an image without", []string{"--net=tap0", ok}, "declares no devices"},
		{"bad MAC", []string{"--net=tap0", "--net-mac:outside=1:2", one}, "--net-mac:outside=1:2"},
		{"missing TAP", []string{"--net=none0", one}, "ip tuntap add dev none0 mode tap"},
		{"busy TAP", []string{"--net=busy", one}, "another process has attached it"},
		{"TAP that is down", []string{"--net=dark", one}, "ip link set dark up"},
		{"not a TAP", []string{"--net=veth0", one}, "not a TAP"},
		{"name too long", []string{"--net=sixteen-chars-xx", one}, "at most 15"},
		{"second of two missing", []string{"--net=tap0", "--net=none0", two}, "none0"},
		{"same TAP twice", []string{"--net=tap0", "--net=tap0", two}, "give each its own"},
		{"missing interface", []string{"--net=xdp:none0", one}, "could not take over interface: none0: no such interface"},
		{"loopback", []string{"--net=xdp:lo", one}, "no Ethernet interface"},
		{"descriptor not open", []string{"--net=@77", one}, "@77"},
		{"descriptor of no use", []string{"--net=@0", one}, "@0"},
		{"missing disk", []string{"--block=" + filepath.Join(dir, "none"), disk}, "no such file"},
		{"empty disk", []string{"--block=" + file("disk0", nil), disk}, "at least 1 block"},
		{"disk with half a block", []string{"--block=" + file("disk1", make([]byte, 700)), disk}, "block aligned"},
		{"bad sector size", []string{"--block-sector-size:data=521", "--block=" + ok, disk}, "power of two"},
		{"user mode of an image without", []string{"--start=user", file("plain", patch(good, note.tenderType, 0))}, "user mode"},
		{"arguments too long", append([]string{ok}, strings.Repeat("x", abi.CmdlineSize)), "command line too long"},
		{"inspect without image", []string{"inspect"}, "no IMAGE"},
		{"inspect two", []string{"inspect", ok, one}, "takes one IMAGE"},
		{"inspect no image", []string{"inspect", file("text2", []byte("text"))}, "invalid executable"},
		{"unknown flag of a command", []string{"inspect", "--jsno", ok}, "did you mean --json?"},
		{"flags that exclude each other", []string{"inspect", "--json", "--abi", ok}, "json"},
		{"build nothing", []string{"build", filepath.Join(dir, "nowhere")}, "nowhere"},
		{"build two", []string{"build", "a", "b"}, "takes one package"},
		{"build with a bad device", []string{"build", "--net", "a-b", "."}, "a-b"},
		{"help about nothing", []string{"help", "biuld"}, "did you mean tender help build?"},
	}
	for _, size := range []int{1, 63, 64, 100, len(good) / 2, len(good) - 1} {
		table = append(table, row{fmt.Sprintf("cut to %d bytes", size), []string{file(fmt.Sprintf("cut%d", size), good[:size])}, "invalid executable"})
	}

	before, links := listing(t, dir), interfaces(t)
	kvm := haveKVM()
	afterKVM := map[string]bool{"segment outside memory": true, "segment of absurd size": true, "too little memory": true}
	for _, c := range table {
		if afterKVM[c.what] && kvm != nil {
			t.Logf("%s: not tried, needs KVM: %v", c.what, kvm)
			continue
		}
		cmd := tenderCommand(t, c.args...)
		cmd.Dir = dir
		got := finish(t, cmd)
		if got.status != 1 || got.out != "" || !oneLine(got.err) || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: status %d, stdout %q, stderr %q; want %q", c.what, got.status, got.out, got.err, c.says)
		}
		if now := listing(t, dir); now != before {
			t.Errorf("%s: files %s afterwards", c.what, now)
		}
		if now := interfaces(t); now != links {
			t.Errorf("%s: interfaces %s afterwards", c.what, now)
		}
	}
}

// What the host lacks or forbids is said with the way to mend it.
func TestBadHost(t *testing.T) {
	needRoot(t)
	newNetwork(t)
	addTAP(t, "tap0", 1500)
	ok, one := hello().file(t), withDevices(netDevice("outside")).file(t)
	nobody := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	for _, c := range []struct {
		what, hide string
		as         *syscall.SysProcAttr
		args       []string
		says       []string
	}{
		{"no permission on KVM", "/dev/kvm", nobody, []string{ok}, []string{"/dev/kvm", "group"}},
		{"no KVM", "/dev/kvm", nil, []string{ok}, []string{"/dev/kvm", "modprobe"}},
		{"no permission on TUN", tunDevice, nobody, []string{"--net=tap0", one}, []string{tunDevice, "run as root"}},
		{"no TUN", tunDevice, nil, []string{"--net=tap0", one}, []string{tunDevice, "modprobe tun"}},
	} {
		cmd := tenderCommand(t, c.args...)
		if c.as != nil {
			if reason := cannotForbid(c.hide, c.as); reason != "" {
				t.Logf("%s: not tried, %s", c.what, reason)
				continue
			}
			cmd.SysProcAttr = c.as
		} else {
			cmd = withoutDev(cmd)
		}
		got := finish(t, cmd)
		if got.status != 1 || got.out != "" || !oneLine(got.err) {
			t.Errorf("%s: %+v", c.what, got)
		}
		for _, text := range c.says {
			if !strings.Contains(got.err, text) {
				t.Errorf("%s: %q does not say %q", c.what, got.err, text)
			}
		}
	}
}

// withoutDev runs a command where /dev is empty.
func withoutDev(cmd *exec.Cmd) *exec.Cmd {
	hidden := exec.Command("unshare", append([]string{"-m", "sh", "-c", `mount -t tmpfs none /dev && exec "$0" "$@"`}, cmd.Args...)...)
	hidden.Stdin = cmd.Stdin
	return hidden
}

// cannotForbid says why opening a file does not fail for another user as it
// should.
func cannotForbid(path string, as *syscall.SysProcAttr) string {
	if _, err := os.Stat(path); err != nil {
		return err.Error()
	}
	cmd := exec.Command("test", "-r", path, "-a", "-w", path)
	cmd.SysProcAttr = as
	if cmd.Run() == nil {
		return "everybody may open " + path
	}
	return ""
}

func sh(t testing.TB, line string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// listing is what a folder holds, with sizes.
func listing(t testing.TB, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	var b strings.Builder
	for _, e := range entries {
		info, err := e.Info()
		check(t, err)
		fmt.Fprintf(&b, "%s:%d ", e.Name(), info.Size())
	}
	return b.String()
}
