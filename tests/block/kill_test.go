package block

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// killRounds is how often a tender is killed, for each kind.
const killRounds = 50

// A ledger appends all the time while its tender is killed again and again.
// No acknowledged record is lost, and no sector is torn.
func TestKill(t *testing.T) {
	for _, c := range []struct {
		name                string
		sector, recordBytes int
		sync                string
	}{
		{"one sector", 4096, 1000, "off"},
		{"many sectors", 512, 3000, "off"},
		{"large sectors", 32768, 70000, "off"},
		{"synced", 512, 3000, "on"},
	} {
		t.Run(c.name, func(t *testing.T) {
			eachTender(t, func(t *testing.T, start []string) {
				path := file(t, t.TempDir(), 4<<20)
				args := []string{"--block:disk=" + path, fmt.Sprintf("--block-sector-size:disk=%d", c.sector), "--block-sync:disk=" + c.sync,
					fmt.Sprintf("--record-bytes=%d", c.recordBytes), "--slots=16"}
				rounds := killRounds
				if testing.Short() || c.sync == "on" {
					rounds /= 5
				}
				killAgainAndAgain(t, rounds, start, path, args)
			})
		})
	}
}

func killAgainAndAgain(t *testing.T, rounds int, start []string, path string, args []string) {
	r := rand.New(rand.NewPCG(uint64(len(path)), uint64(rounds)))
	var last uint64 // acknowledged
	cut := 0
	for round := range rounds {
		lines := r.IntN(30)
		if round%5 == 0 {
			lines = 0 // while it starts, perhaps
		}
		out := killed(t, start, args, lines, time.Duration(r.IntN(10_000))*time.Microsecond)
		if strings.Contains(out, "ledger: boot") { // otherwise it was killed before
			found := foundLast(t, out)
			if found != last && found != last+1 {
				t.Fatalf("round %d: entry %d found, %d acknowledged", round, found, last)
			}
			last = max(found, acknowledged(out))
			if !strings.Contains(out, " 0 cut short") {
				cut++
			}
		}
		mustHaveNoTornSector(t, path)
	}
	end := run(t, ledger, start, append(args, "--append=0")...)
	end.must(t, 0, "ledger: verified entries", "")
	t.Logf("%d rounds, %d entries, an append cut short was found %d times", rounds, foundLast(t, end.out), cut)
}

// killed is the output of a ledger that appends until its tender is killed,
// some time after it has printed some lines.
func killed(t *testing.T, start, args []string, lines int, after time.Duration) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	cmd := command(ctx, t, ledger, start, append(args, "--append=-1")...)
	out := lineCounter{left: lines, reached: make(chan struct{})}
	var msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	check(t, cmd.Start())
	if lines > 0 {
		select {
		case <-out.reached:
		case <-ctx.Done():
		}
	}
	time.Sleep(after)
	check(t, cmd.Process.Kill())
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() || msg.Len() > 0 || ctx.Err() != nil {
		t.Fatalf("%v, %v, stdout %q, stderr %q", err, ctx.Err(), out.text.String(), &msg)
	}
	return out.text.String()
}

// lineCounter collects output, and tells when it has some lines.
type lineCounter struct {
	text    bytes.Buffer
	left    int
	reached chan struct{}
}

func (c *lineCounter) Write(p []byte) (int, error) {
	if n := bytes.Count(p, []byte{'\n'}); c.left > 0 {
		if c.left -= n; c.left <= 0 {
			close(c.reached)
		}
	}
	return c.text.Write(p)
}

// acknowledged is the last entry that a ledger says it has stored.
func acknowledged(out string) (last uint64) {
	for line := range strings.Lines(out) {
		var n uint64
		if strings.HasSuffix(line, "\n") {
			if _, err := fmt.Sscanf(line, "stored %d\n", &n); err == nil {
				last = n
			}
		}
	}
	return last
}

// foundLast is the last entry that a ledger says it has found.
func foundLast(t *testing.T, out string) (last uint64) {
	t.Helper()
	_, text, ok := strings.Cut(out, ", found ")
	if !ok {
		t.Fatalf("no such line in %q", out)
	}
	if strings.HasPrefix(text, "no entries,") {
		return 0
	}
	var first uint64
	if _, err := fmt.Sscanf(text, "entries %d to %d,", &first, &last); err != nil {
		t.Fatalf("%q: %v", out, err)
	}
	return last
}

// mustHaveNoTornSector looks at the storage itself. An entry's filler is one
// byte repeated, and no two entries in a row have the same: a sector of
// filler with two of them is torn. Behind an entry are zeros.
func mustHaveNoTornSector(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	check(t, err)
	const sector, header = 512, 96 // of the slot, and the start of the entry
	for off := sector; off+sector <= len(data); off += sector {
		filler := data[off+header : off+sector]
		end := bytes.TrimRight(filler, "\x00")
		if len(end) > 0 && len(bytes.Trim(end, string(end[:1]))) > 0 {
			t.Fatalf("the sector at %d is torn: % x", off, data[off:off+sector])
		}
	}
}
