package tests

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"tender/image"
)

// The guest's clock is the host's, at its start and after a while.
func TestClock(t *testing.T) {
	before := time.Now()
	e := run(t, guest{name: "clock"})
	after := time.Now()
	e.mustEnd(t, 0)
	for line := range strings.Lines(e.console) {
		nanos, err := strconv.ParseInt(strings.TrimSpace(line), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		const tolerance = time.Second
		if got := time.Unix(0, nanos); got.Before(before.Add(-tolerance)) || got.After(after.Add(tolerance)) {
			t.Errorf("the guest says %v; it ran from %v to %v", got, before, after)
		}
	}
}

// Signals that a program sends to itself; those that nobody handles end it.
func TestSignals(t *testing.T) {
	run(t, guest{name: "signals"}).mustEnd(t, 255, "ok\n", "ended itself by signal 0x000000000000000f\n")
	run(t, guest{name: "signals", args: []string{"crash"}}).mustEnd(t, 255,
		"panic: with a core dump", "main.main()", "ended itself by signal 0x0000000000000006\n")
}

func TestRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 4 {
		e := run(t, guest{name: "random"})
		e.mustEnd(t, 0)
		for line := range strings.Lines(e.console) {
			if seen[line] {
				t.Errorf("%q came twice", line)
			}
			seen[line] = true
		}
	}
	if len(seen) != 8 {
		t.Errorf("%d numbers, want 8", len(seen))
	}
}

// outOfMemory is what the Go runtime says, about its heap or its own data.
var outOfMemory = regexp.MustCompile(`out of memory|cannot allocate memory`)

// Whatever the memory and the size of what is allocated, the end is Go's.
func TestOutOfMemory(t *testing.T) {
	for _, mem := range []uint64{10, 16, 64} {
		for _, size := range []int{1000, 100 << 10, 5 << 20, 1 << 30} {
			t.Run(fmt.Sprintf("%dMiB/%d", mem, size), func(t *testing.T) {
				t.Parallel()
				e := run(t, guest{name: "outofmemory", memMiB: mem, args: []string{fmt.Sprint(size)}})
				e.mustEnd(t, 2, "fatal error: ", "outofmemory/main.go:")
				if !outOfMemory.MatchString(e.console) {
					t.Errorf("console:\n%s", short(e.console))
				}
			})
		}
	}
}

// A stack without end is stopped by Go's limit or by memory.
func TestStackOverflow(t *testing.T) {
	for _, mem := range []uint64{16, 64, 1024} {
		t.Run(fmt.Sprintf("%dMiB", mem), func(t *testing.T) {
			run(t, guest{name: "overflow", memMiB: mem}).mustEnd(t, 2, "fatal error: ")
		})
	}
}

// The page tables hold: no write to what is read-only, no execution of data,
// no access outside of the guest. Go reports it like on Linux.
func TestWildAccess(t *testing.T) {
	for _, what := range []string{
		"write to read-only data",
		"write to text",
		"write to boot info",
		"write to the fault record",
		"jump to data",
		"jump to heap",
		"jump to nil",
		"read outside of memory",
		"read the tender's pages",
		"non-canonical address",
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if *tenderKind == "spt" && what == "write to boot info" {
				t.Skip("under spt the contract lets a guest write there")
			}
			run(t, guest{name: "wild", args: []string{what}}).mustEnd(t, 2, "SIGSEGV", "main.main()")
		})
	}
}

// Memory that the image fills up to the end has no room for a stack: the
// guest says so, before anything is overwritten.
func TestCrowded(t *testing.T) {
	const mem = 4 << 20
	path := imageOf(t, "../appliances/hello")
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	im, err := image.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	for _, left := range []uint64{0, 8 << 10, 64 << 10} {
		spec := image.Spec{Target: im.Target, Version: im.Version, Entry: im.Entry, Tender: im.Tender}
		for _, p := range f.Progs {
			if p.Type != elf.PT_LOAD || p.Filesz == 0 {
				continue
			}
			seg := image.SegmentData{Vaddr: p.Vaddr, Memsz: p.Memsz, Align: p.Align, Flags: p.Flags, Data: make([]byte, p.Filesz)}
			if _, err := io.ReadFull(p.Open(), seg.Data); err != nil {
				t.Fatal(err)
			}
			spec.Segments = append(spec.Segments, seg)
		}
		last := &spec.Segments[len(spec.Segments)-1]
		last.Memsz = mem - left - last.Vaddr
		var file bytes.Buffer
		if err := image.Write(&file, spec); err != nil {
			t.Fatal(err)
		}
		crowded := filepath.Join(t.TempDir(), "crowded.hvt")
		if err := os.WriteFile(crowded, file.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		run(t, guest{name: crowded, memMiB: mem >> 20}).mustEnd(t, 255, "too little memory", "--mem")
	}
}
