package block

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A write the host has no room for is an error of the guest's, and what came
// before it is kept.
func TestNoRoom(t *testing.T) {
	eachTender(t, func(t *testing.T, start []string) {
		path := file(t, smallFS(t, 64<<10), 4<<20)
		got := run(t, ledger, start, "--block:disk="+path, "--append=-1", "--slots=1000")
		got.must(t, 1, "input/output error\n", "")
		last := acknowledged(got.out)
		again := run(t, ledger, start, "--block:disk="+path, "--append=0")
		again.must(t, 0, "verified entries 1 to ", "")
		if found := foundLast(t, again.out); found != last {
			t.Errorf("%d found, %d stored", found, last)
		}
	})
}

// With --block-sync=off the host's kernel takes writes that the disk then
// refuses: nothing but the end of the tender can tell. With on the guest is
// told.
func TestLateFailure(t *testing.T) {
	eachTender(t, func(t *testing.T, start []string) {
		const room = 64 << 10
		path := file(t, smallFS(t, room), 1<<20)
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		check(t, err)
		_, err = f.Write(make([]byte, room)) // takes all the room
		check(t, err)
		check(t, f.Close())
		dev := loop(t, path)
		args := []string{"--block:disk=" + dev, "--block-sector-size:disk=32768", "--record-bytes=100", "--slots=4"}
		run(t, ledger, start, append(args, "--append=0")...).must(t, 0, "no entries", "")
		run(t, ledger, start, append(args, "--block-sync:disk=on", "--append=2")...).must(t, 1, "boot 1", "")
		run(t, ledger, start, append(args, "--append=2")...).must(t, 1, "stored 2", "may be lost")
	})
}

func TestReadOnly(t *testing.T) {
	eachTender(t, func(t *testing.T, start []string) {
		path := file(t, t.TempDir(), 1<<20)
		run(t, ledger, start, "--block:disk="+path, "--append=3").must(t, 0, "stored 3", "")
		check(t, os.Chmod(path, 0o400))
		before, err := os.ReadFile(path)
		check(t, err)
		run(t, ledger, start, "--block:disk="+path, "--block-ro:disk", "--append=0").must(t, 0, "verified entries 1 to 3", "")
		run(t, ledger, start, "--block:disk="+path, "--block-ro:disk").must(t, 1, "storing record 4: write /dev/block/disk: input/output error\n", "")
		after, err := os.ReadFile(path)
		check(t, err)
		if string(before) != string(after) {
			t.Error("the file has changed")
		}
	})
}

// whileRunning starts a ledger that appends without end, and calls f when it
// has stored some. f makes it end, by stop if by nothing else.
func whileRunning(t *testing.T, start []string, path string, f func(stop func())) ended {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	cmd := command(ctx, t, ledger, start, "--block:disk="+path, "--append=-1", "--slots=8")
	out, err := cmd.StdoutPipe()
	check(t, err)
	var msg strings.Builder
	cmd.Stderr = &msg
	check(t, cmd.Start())
	lines := bufio.NewReader(out)
	var text strings.Builder
	for !strings.Contains(text.String(), "stored 20\n") {
		line, err := lines.ReadString('\n')
		text.WriteString(line)
		if err != nil {
			break
		}
	}
	f(func() { check(t, cmd.Process.Signal(os.Interrupt)) })
	_, err = io.Copy(&text, lines)
	check(t, err)
	_ = cmd.Wait() // the status is looked at
	return ended{cmd.ProcessState.ExitCode(), text.String(), msg.String()}
}

func TestDeletedInUse(t *testing.T) {
	eachTender(t, func(t *testing.T, start []string) {
		path := file(t, t.TempDir(), 1<<20)
		got := whileRunning(t, start, path, func(stop func()) {
			check(t, os.Remove(path))
			stop()
		})
		if !strings.Contains(got.err, "deleted while in use") || got.status != 1 {
			t.Errorf("status %d, stderr %q", got.status, got.err)
		}
	})
}

// Under hvt the guest's next write fails. Under spt it makes the file grow
// again, and what is missing is found by the guest's reads.
func TestShrunkInUse(t *testing.T) {
	eachTender(t, func(t *testing.T, start []string) {
		path := file(t, t.TempDir(), 1<<20)
		got := whileRunning(t, start, path, func(stop func()) {
			check(t, os.Truncate(path, 4096))
			if start != nil {
				stop()
			}
		})
		if !strings.Contains(got.err, "has shrunk from 1048576 to") || got.status != 1 {
			t.Errorf("status %d, stderr %q", got.status, got.err)
		}
	})
}

// One file is one guest's, under whatever name.
func TestInUse(t *testing.T) {
	eachTender(t, func(t *testing.T, start []string) {
		dir := t.TempDir()
		path := file(t, dir, 1<<20)
		other := filepath.Join(dir, "other")
		check(t, os.Link(path, other))
		got := whileRunning(t, start, path, func(stop func()) {
			for _, args := range [][]string{{"--block:disk=" + path}, {"--block:disk=" + other}, {"--block:disk=" + other, "--block-ro:disk"}} {
				run(t, ledger, start, args...).must(t, 1, "", "it is in use")
			}
			stop()
		})
		if strings.Contains(got.err, "lost") {
			t.Errorf("status %d, stderr %q", got.status, got.err)
		}
		run(t, ledger, start, "--block:disk="+other).must(t, 0, "stored", "")
	})
}
