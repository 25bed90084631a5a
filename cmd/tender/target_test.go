package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
	"tender/seccomp"
)

// needFilters skips the test where the command cannot run spt guests.
func needFilters(t testing.TB) {
	t.Helper()
	if _, err := (seccomp.Policy{{Call: "read"}}).Compile(); errors.Is(err, seccomp.ErrUnavailable) {
		t.Skip(err)
	}
}

// both writes an image that says it runs under spt too, with an spt guest's
// code.
func both(t testing.TB, p *process) string {
	t.Helper()
	var file bytes.Buffer
	check(t, image.Write(&file, image.Spec{
		Target: abi.TargetHVT, Version: abi.VersionHVT, Entry: guestText,
		Tender: &abi.TenderNote{Version: abi.TenderNoteVersion, Flags: abi.FlagSPT},
		Segments: []image.SegmentData{
			{Vaddr: guestText, Memsz: abi.PageSize, Align: abi.PageSize, Flags: elf.PF_R | elf.PF_X, Data: p.text},
		},
	}))
	return writeFile(t, "both", file.Bytes())
}

// The image's target chooses the tender, or --spt does.
func TestProcessTarget(t *testing.T) {
	needFilters(t)
	plain := new(process).call(unix.SYS_EXIT_GROUP, 7)
	wide := writeFile(t, "guest.hvt", hello().bytes(t))
	for _, c := range []struct {
		what   string
		args   []string
		status int
		says   string
	}{
		{"by target", []string{plain.file(t)}, 7, ""},
		{"by target and option", []string{"run", "--spt", plain.file(t)}, 7, ""},
		{"by option", []string{"--spt", "--mem=3", both(t, plain)}, 7, ""},
		{"not made for it", []string{"--spt", wide}, 1, "not for the solo5-spt target but for hvt"},
		{"strictly not made for it", []string{"--spt", "--strict-solo5", both(t, plain)}, 1, "not for the solo5-spt target but for hvt"},
		{"start mode", []string{"--start=user", plain.file(t)}, 1, "--start is for hvt guests"},
		{"executable heap", []string{"--x-exec-heap", plain.file(t)}, 7, "WARNING"},
		{"forbidden call", []string{new(process).call(unix.SYS_GETPID).file(t)}, 159, "made a system call that it is not allowed (SIGSYS)"},
		{"crash", []string{(&process{[]byte{0x0f, 0x0b}}).file(t)}, 132, "crashed: invalid instruction (SIGILL)"},
	} {
		got := finish(t, tenderCommand(t, c.args...))
		if got.status != c.status || !strings.Contains(got.err, c.says) || (c.says == "") != (got.err == "") || got.err != "" && !oneLine(got.err) {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}

// A guest that computes dies with its tender, by the signal that ends it.
func TestProcessSignals(t *testing.T) {
	needFilters(t)
	spin := new(process).hello().file(t)
	for _, sig := range []syscall.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGKILL} {
		r, w, err := os.Pipe()
		check(t, err)
		cmd := tenderCommand(t, spin)
		cmd.Stdout = w
		check(t, cmd.Start())
		check(t, w.Close())
		_, err = r.Read(make([]byte, 6))
		check(t, err)
		check(t, cmd.Process.Signal(sig))
		kill := time.AfterFunc(runTime, func() { cmd.Process.Kill() })
		cmd.Wait()
		kill.Stop()
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != sig {
			t.Errorf("signal %d: %v", sig, cmd.ProcessState)
		}
		// The pipe ends when the guest is gone.
		check(t, r.SetReadDeadline(time.Now().Add(runTime)))
		if n, err := r.Read(make([]byte, 1)); n != 0 || os.IsTimeout(err) {
			t.Errorf("signal %d: the guest lives on: %d, %v", sig, n, err)
		}
		check(t, r.Close())
	}
}

// A guest whose output nobody reads ends.
func TestProcessPipe(t *testing.T) {
	needFilters(t)
	talk := &process{append(new(process).hello().text, 0xeb, 0)}
	talk.text[len(talk.text)-1] = byte(-len(talk.text))
	r, w, err := os.Pipe()
	check(t, err)
	check(t, r.Close())
	cmd := tenderCommand(t, talk.file(t))
	cmd.Stdout = w
	got := finish(t, cmd)
	check(t, w.Close())
	if got.status != 141 || !strings.Contains(got.err, "nobody reads") {
		t.Errorf("%+v", got)
	}
}
