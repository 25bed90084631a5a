package main

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
	"tender/netback"
)

// A tender that runs a guest has nothing left that it does not need, and has
// all of it with --no-confine.
func TestConfinedRun(t *testing.T) {
	needKVM(t)
	needRoot(t)
	spin := new(guest).puts("up\n").file(t)
	const none = "0000000000000000"
	for _, c := range []struct {
		options, name string
		want          map[string]string
	}{
		{"", "tender", map[string]string{"Seccomp": "2", "NoNewPrivs": "1", "CapEff": none, "CapPrm": none, "CapBnd": none, "CapAmb": none, "Uid": "0 0 0 0"}},
		{"--user=4711:4712", "tender", map[string]string{"Seccomp": "2", "NoNewPrivs": "1", "CapEff": none, "CapPrm": none, "CapBnd": none, "Uid": "4711 4711 4711 4711", "Gid": "4712 4712 4712 4712", "Groups": ""}},
		{"--no-confine", "tender", map[string]string{"Seccomp": "0", "NoNewPrivs": "0", "Uid": "0 0 0 0"}},
		{"--strict-solo5", "tender", map[string]string{"Seccomp": "2"}},
		{"", "solo5-hvt", map[string]string{"Seccomp": "2", "CapEff": none}},
	} {
		cmd := underName(t, c.name, append(strings.Fields(c.options), spin)...)
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, 3))
		check(t, err)
		for _, status := range threadStatus(t, cmd.Process.Pid) {
			for key, want := range c.want {
				if status[key] != want {
					t.Errorf("%s %s: thread %s has %s %q, not %q", c.name, c.options, status["Pid"], key, status[key], want)
				}
			}
		}
		check(t, cmd.Process.Signal(syscall.SIGTERM))
		if status := wait(t, cmd); status != 1 {
			t.Errorf("%s %s: status %d", c.name, c.options, status)
		}
	}
	for options, says := range map[string]string{
		"--user=4711":                      "no user",
		"--user=root":                      "root",
		"--user=4711:4712 --no-confine":    "exclude each other",
		"--user=nobody-of-this-name-there": "no user",
	} {
		got := finish(t, tenderCommand(t, append(strings.Fields(options), spin)...))
		if got.status != 1 || !oneLine(got.err) || !strings.Contains(got.err, says) {
			t.Errorf("%s: %+v", options, got)
		}
	}
}

// threadStatus is what /proc tells of the threads of a process, but for those
// that are the kernel's: KVM has one in each of its processes.
func threadStatus(t testing.TB, pid int) (all []map[string]string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	check(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(t, err)
		status := make(map[string]string)
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			status[key] = strings.Join(strings.Fields(value), " ")
		}
		if !strings.HasPrefix(status["Name"], "kvm-") {
			all = append(all, status)
		}
	}
	if len(all) < 2 {
		t.Fatalf("%d threads", len(all))
	}
	return all
}

// The command is one file, and needs no other but /dev/kvm: no /proc, no
// /sys, no root, and a TAP only as a descriptor.
func TestBareRoot(t *testing.T) {
	needKVM(t)
	newNetwork(t)
	addTAP(t, "tap0", 1300)
	root := openDir(t)
	check(t, os.Mkdir(filepath.Join(root, "dev"), 0o755))
	var st unix.Stat_t
	check(t, unix.Stat("/dev/kvm", &st))
	kvm := filepath.Join(root, "dev", "kvm")
	check(t, unix.Mknod(kvm, unix.S_IFCHR|0o666, int(st.Rdev)))
	check(t, os.Chmod(kvm, 0o666))
	if fd, err := unix.Open(kvm, unix.O_RDWR|unix.O_CLOEXEC, 0); err != nil {
		t.Skipf("needs a folder with devices: %v", err)
	} else {
		unix.Close(fd)
	}
	program, err := tenderBinary()
	check(t, err)
	g := &guest{manifest: image.Manifest{netDevice("n"), blockDevice("d")}}
	size := len(g.manifest.Binary())
	copyFile(t, program, filepath.Join(root, "solo5-hvt"))
	copyFile(t, program, filepath.Join(root, "tender"))
	copyFile(t, g.print(abi.HVTBootInfo+56, size).call(abi.HypercallNetWrite, abi.NetArgs{Handle: 1, Data: guestData, Len: 60}).halt(5).file(t), filepath.Join(root, "guest"))
	check(t, os.WriteFile(filepath.Join(root, "disk"), make([]byte, 8192), 0o666))
	check(t, os.Chmod(filepath.Join(root, "disk"), 0o666))

	for _, id := range []uint32{65534, 0} {
		for _, name := range []string{"/tender", "/solo5-hvt"} {
			tap, err := netback.OpenTAP("tap0", netback.Options{})
			check(t, err)
			inherited := os.NewFile(uintptr(must(unix.Dup(tap.FD()))), "tap")
			check(t, tap.Close())
			cmd := &exec.Cmd{
				Path: name, Args: []string{name, "--net:n=@3", "--block:d=/disk", "/guest"}, Dir: "/",
				Env: []string{}, ExtraFiles: []*os.File{inherited},
				SysProcAttr: &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: id, Gid: id}},
			}
			got := finish(t, cmd)
			check(t, inherited.Close())
			if got.status != 5 || len(got.out) != size || unexpected(got.err) != "" {
				t.Errorf("%s as %d: %+v", name, id, got)
				continue
			}
			if mtu := binary.LittleEndian.Uint16([]byte(got.out)[8+104+78:]); mtu != 1300 {
				t.Errorf("%s as %d: MTU %d", name, id, mtu)
			}
		}
	}
	file, err := elf.Open(program)
	check(t, err)
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the command is not static")
		}
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	check(t, err)
	check(t, os.WriteFile(to, data, 0o755))
}
