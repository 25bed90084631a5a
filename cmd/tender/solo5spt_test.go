package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/image"
)

// process is a unikernel for spt in machine code.
type process struct{ text []byte }

// call makes a system call with up to three arguments.
func (p *process) call(number uint32, args ...uint32) *process {
	for i, v := range args {
		p.text = binary.LittleEndian.AppendUint32(append(p.text, []byte{0xbf, 0xbe, 0xba}[i]), v) // mov to EDI, ESI, EDX
	}
	p.text = binary.LittleEndian.AppendUint32(append(p.text, 0xb8), number)
	p.text = append(p.text, 0x0f, 0x05)
	return p
}

// file writes the image; text is at guestText, where "hello\n" follows it.
func (p *process) file(t testing.TB) string {
	t.Helper()
	text := append(append([]byte{}, p.text...), 0xeb, 0xfe)
	text = append(append(text, make([]byte, helloAt-len(text))...), "hello\n"...)
	var file bytes.Buffer
	check(t, image.Write(&file, image.Spec{
		Target: abi.TargetSPT, Version: abi.VersionSPT, Entry: guestText,
		Segments: []image.SegmentData{
			{Vaddr: guestText, Memsz: uint64(len(text)), Align: abi.PageSize, Flags: elf.PF_R | elf.PF_X, Data: text},
		},
	}))
	return writeFile(t, "guest.spt", file.Bytes())
}

// helloAt is where the text is in the segment.
const helloAt = 0x100

func (p *process) hello() *process { return p.call(unix.SYS_WRITE, 1, guestText+helloAt, 6) }

// A guest's end is the tender's, signals included.
func TestSolo5SPT(t *testing.T) {
	for _, c := range []struct {
		what   string
		guest  *process
		status int
		signal syscall.Signal
	}{
		{"exit", new(process).hello().call(unix.SYS_EXIT_GROUP, 7), 7, -1},
		{"abort", new(process).hello().call(unix.SYS_EXIT_GROUP, 255), 255, -1},
		{"forbidden call", new(process).hello().call(unix.SYS_GETPID), -1, syscall.SIGSYS},
		{"null", &process{append(new(process).hello().text, 0x31, 0xc0, 0x88, 0x00)}, -1, syscall.SIGSEGV},              // mov %al, (0)
		{"ud2", &process{append(new(process).hello().text, 0x0f, 0x0b)}, -1, syscall.SIGILL},                            //
		{"divide", &process{append(new(process).hello().text, 0x31, 0xc9, 0x31, 0xd2, 0xf7, 0xf1)}, -1, syscall.SIGFPE}, // div %ecx
	} {
		cmd := underName(t, "solo5-spt", "--mem=2", c.guest.file(t))
		ws, out, messages := die(t, cmd)
		if ws.ExitStatus() != c.status || ws.Signal() != c.signal || out != "hello\n" || messages != "" {
			t.Errorf("%s: status %d, signal %v, %q, %q", c.what, ws.ExitStatus(), ws.Signal(), out, messages)
		}
	}
	spin := new(process).hello().file(t)
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := underName(t, "solo5-spt", spin)
		r, w, err := os.Pipe()
		check(t, err)
		cmd.Stdout = w
		check(t, cmd.Start())
		check(t, w.Close())
		_, err = io.ReadFull(r, make([]byte, 6))
		check(t, err)
		check(t, r.Close())
		check(t, cmd.Process.Signal(sig))
		kill := time.AfterFunc(runTime, func() { cmd.Process.Kill() })
		cmd.Wait()
		kill.Stop()
		if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != sig {
			t.Errorf("signal %d: %v", sig, cmd.ProcessState)
		}
	}
}

// die runs a command to its end, which may be a signal's.
func die(t testing.TB, cmd *exec.Cmd) (ws syscall.WaitStatus, out, messages string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	check(t, cmd.Start())
	kill := time.AfterFunc(runTime, func() { cmd.Process.Kill() })
	defer kill.Stop()
	cmd.Wait()
	return cmd.ProcessState.Sys().(syscall.WaitStatus), stdout.String(), stderr.String()
}
