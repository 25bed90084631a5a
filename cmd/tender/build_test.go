package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const testProgram = `package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("built", os.Args[1:])
	os.Exit(5)
}
`

// needGo skips a test that builds images, which takes a minute the first time.
func needGo(t testing.TB) {
	t.Helper()
	if found := examineGo(); !found.OK {
		t.Skipf("needs Go: %s", found.Detail)
	}
}

// A module elsewhere is built with the command alone, and runs.
func TestBuildAndRun(t *testing.T) {
	needGo(t)
	dir := openDir(t)
	check(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.org/built\n\ngo 1.26\n"), 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(testProgram), 0o644))
	cmd := tenderCommand(t, "build", "--block", "data", "--net", "outside", "--net", "inside")
	cmd.Dir = dir
	got := finish(t, cmd)
	if got.status != 0 || got.err != "" || strings.Count(got.out, "\n") != 1 || !strings.HasPrefix(got.out, "built.hvt  ") {
		t.Fatalf("%+v", got)
	}
	path := filepath.Join(dir, "built.hvt")
	about := command("inspect", "--json", path)
	var info struct {
		Devices []struct{ Name string }
		Start   bool `json:"user_start"`
	}
	check(t, json.Unmarshal([]byte(about.out), &info))
	if len(info.Devices) != 3 || info.Devices[0].Name != "data" || info.Devices[1].Name != "outside" || info.Devices[2].Name != "inside" || !info.Start {
		t.Errorf("%+v", info)
	}

	cmd = tenderCommand(t, "build", "-o", "other.hvt", "main.go")
	cmd.Dir = dir
	if got := finish(t, cmd); got.status != 0 || !strings.HasPrefix(got.out, "other.hvt  ") {
		t.Fatalf("%+v", got)
	}
	needKVM(t)
	if got := command(filepath.Join(dir, "other.hvt"), "a", "--b"); got != (outcome{5, "built [a --b]\n", ""}) {
		t.Errorf("%+v", got)
	}
}

func TestBuildErrors(t *testing.T) {
	needGo(t)
	dir := openDir(t)
	check(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module example.org/wrong\n\ngo 1.26\n"), 0o644))
	check(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte("package main\n\nfunc main() { undefinedOne(); undefinedTwo() }\n"), 0o644))
	before := listing(t, dir)
	cmd := tenderCommand(t, "build")
	cmd.Dir = dir
	got := finish(t, cmd)
	if got.status != 1 || got.out != "" || !strings.HasPrefix(got.err, "tender: ") || !strings.Contains(got.err, "undefinedTwo") || strings.Contains(got.err, "\x1b") {
		t.Errorf("%+v", got)
	}
	if now := listing(t, dir); now != before {
		t.Errorf("files %s afterwards", now)
	}
}

// The same program runs on Linux as it is, with devices from its environment.
func TestBuildForLinux(t *testing.T) {
	needGo(t)
	dir := openDir(t)
	const program = `package main

import (
	"fmt"

	"tender/guest"
)

func main() {
	b, err := guest.OpenBlock("data")
	if err != nil {
		panic(err)
	}
	fmt.Println(b.CapacityBytes())
}
`
	for name, text := range map[string]string{"go.mod": "module example.org/disk\n\ngo 1.26\n", "main.go": program, "disk.img": strings.Repeat("\x00", 2048)} {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	cmd := tenderCommand(t, "build", "--target", "linux", "--block", "data", "--net", "outside")
	cmd.Dir = dir
	got := finish(t, cmd)
	if got.status != 0 || got.err != "" || !strings.HasPrefix(got.out, "disk  ") || !strings.Contains(got.out, "\n  TENDER_NET=outside=TAP\n  TENDER_BLOCK=data=FILE\n") {
		t.Fatalf("%+v", got)
	}
	run := exec.Command(filepath.Join(dir, "disk"))
	run.Dir = dir
	run.Env = append(os.Environ(), "TENDER_BLOCK=data=disk.img")
	if got := finish(t, run); got != (outcome{0, "2048\n", ""}) {
		t.Errorf("%+v", got)
	}
	for _, c := range []struct {
		says string
		args []string
	}{
		{"race detector", []string{"--race"}},
		{"hvt, spt or linux", []string{"--target=windows"}},
		{"no files", []string{"--target=linux", "--root", dir}},
	} {
		if got := command(append([]string{"build", dir}, c.args...)...); got.status != 1 || !oneLine(got.err) || !strings.Contains(got.err, c.says) {
			t.Errorf("%q: %+v", c.args, got)
		}
	}
}

// Ctrl-C while the Go toolchain runs ends the build without an image.
func TestBuildInterrupted(t *testing.T) {
	dir := openDir(t)
	bin := openDir(t)
	// A go command that never answers.
	check(t, os.WriteFile(filepath.Join(bin, "go"), []byte("#!/bin/sh\necho started >"+filepath.Join(bin, "mark")+"\nexec sleep 60\n"), 0o755))
	cmd := tenderCommand(t, "build", dir)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	var messages strings.Builder
	cmd.Stderr = &messages
	check(t, cmd.Start())
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(bin, "mark")); err == nil {
			break
		}
	}
	check(t, cmd.Process.Signal(syscall.SIGINT))
	if status := wait(t, cmd); status != 1 || messages.String() != "tender: Exiting on signal 2\n" {
		t.Errorf("status %d, %q", status, messages.String())
	}
}

// A long build shows on a terminal that it is at work, and takes that away.
func TestBuildProgress(t *testing.T) {
	terminal, other := openTerminal(t)
	p := startProgress(other, "building")
	time.Sleep(progressAfter + 300*time.Millisecond)
	p.stop()
	text, end := "", "\r\x1b[K"
	buf := make([]byte, 1<<16)
	for !strings.HasSuffix(text, end) { // the kernel passes it on in pieces
		ready := []unix.PollFd{{Fd: int32(terminal.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, 2000); n == 0 && err == nil {
			break
		}
		n, err := terminal.Read(buf)
		check(t, err)
		text += string(buf[:n])
	}
	if !strings.Contains(text, "building … 2 s") || !strings.HasSuffix(text, end) {
		t.Errorf("%q", text)
	}

	var silent strings.Builder
	p = startProgress(&silent, "building")
	p.stop()
	if silent.Len() > 0 {
		t.Errorf("%q on no terminal", silent.String())
	}
}

// openTerminal is a pseudo-terminal and the end that programs see.
func openTerminal(t testing.TB) (terminal, program *os.File) {
	t.Helper()
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("needs a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { terminal.Close() })
	check(t, unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(terminal.Fd()), unix.TIOCGPTN)
	check(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs a pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { program.Close() })
	return terminal, program
}
