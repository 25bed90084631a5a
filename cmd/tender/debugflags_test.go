package main

import (
	"bufio"
	"debug/elf"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"tender/abi"
)

func TestParseDebugOptions(t *testing.T) {
	for words, want := range map[string]string{
		"--gdb|x":                defaultGDB,
		"--gdb=5555|x":           "127.0.0.1:5555",
		"--gdb=:5555|x":          "127.0.0.1:5555",
		"--gdb=0.0.0.0:5555|x":   "0.0.0.0:5555",
		"--gdb=[::1]:5555|x":     "[::1]:5555",
		"--gdb=localhost:5555|x": "localhost:5555",
		"--gdb=0|x":              "127.0.0.1:0",
	} {
		o, err := parseRun(strings.Split(words, "|"))
		if err != nil || o.gdb != want || o.image != "x" || !o.debugged() {
			t.Errorf("%s: %+v, %v; want %s", words, o, err, want)
		}
	}
	for words, says := range map[string]string{
		"--gdb=|x":                         "empty value: write --gdb[=ADDR]",
		"--gdb=70000|x":                    "--gdb=70000: write",
		"--gdb=host|x":                     "--gdb=host: write",
		"--gdb=1.2.3.4:x|x":                "--gdb=1.2.3.4:x: write",
		"--gdb:a|x":                        "takes no device name",
		"--dumpcore":                       "--dumpcore has no value",
		"--dumpcore=|x":                    "empty value",
		"--user=1:1|--gdb|x":               "--user excludes",
		"--user=1:1|--dumpcore=/nowhere|x": "--user excludes",
	} {
		if _, err := parseRun(strings.Split(words, "|")); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", words, err, says)
		}
	}
	if o, err := parseRun([]string{"--dumpcore", "d", "x"}); err != nil || o.coreDir != "d" || o.image != "x" {
		t.Errorf("%+v, %v", o, err)
	}
}

// A guest that aborts or crashes leaves a core file, others leave none.
func TestDumpCore(t *testing.T) {
	needKVM(t)
	crash := &guest{text: []byte{0x66, 0xba, 0x23, 0x01, 0xef}} // out %eax, 0x123
	for _, c := range []struct {
		name   string
		guest  *guest
		status int
		core   bool
	}{
		{"abort", new(guest).halt(abi.ExitAbort), 255, true},
		{"crash", crash, 1, true},
		{"failure", new(guest).halt(3), 3, false},
		{"success", hello(), 0, false},
	} {
		dir := t.TempDir()
		got := finish(t, tenderCommand(t, "--dumpcore="+dir, c.guest.file(t)))
		if got.status != c.status || !strings.Contains(got.err, "WARNING: not confined") {
			t.Errorf("%s: %+v", c.name, got)
		}
		cores, err := filepath.Glob(filepath.Join(dir, "*"))
		check(t, err)
		if (len(cores) == 1) != c.core {
			t.Errorf("%s left %q", c.name, cores)
		}
		for _, path := range cores {
			info, err := os.Stat(path)
			check(t, err)
			if ok, _ := regexp.MatchString(`/core\.solo5-hvt\.\d+$`, path); !ok || info.Mode() != 0o600 {
				t.Errorf("%s left %s, mode %v", c.name, path, info.Mode())
			}
			f, err := elf.Open(path)
			check(t, err)
			if f.Type != elf.ET_CORE {
				t.Errorf("%s left a %v", c.name, f.Type)
			}
			check(t, f.Close())
			for _, line := range []string{"dumpcore: dumping guest core to: " + path, " of total 131072 pages\n"} {
				if !strings.Contains(got.err, line) {
					t.Errorf("no %q in %q", line, got.err)
				}
			}
		}
	}
}

func TestBadDebug(t *testing.T) {
	needKVM(t)
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer busy.Close()
	image := hello().file(t)
	for _, c := range []struct{ option, says string }{
		{"--dumpcore=/nowhere/at/all", "no such folder: make it with `mkdir -p /nowhere/at/all`"},
		{"--dumpcore=" + image, "it is not a folder"},
		{"--gdb=" + busy.Addr().String(), "address already in use; choose another port"},
	} {
		got := finish(t, tenderCommand(t, c.option, image))
		if got.status != 1 || got.out != "" || !strings.Contains(got.err, "tender: "+c.option+": ") || !strings.Contains(got.err, c.says) {
			t.Errorf("%s: %+v, want %q", c.option, got, c.says)
		}
	}
}

// The guest waits for gdb, and does as it is told.
func TestGDBOption(t *testing.T) {
	needKVM(t)
	for _, c := range []struct {
		says   string // what gdb says; "" does not come
		hears  string
		status int
		out    string
	}{
		{"$c#63", "$W00#b7", 0, "hello\n"},
		{"$D#44", "$OK#9a", 0, "hello\n"},
		{"$k#6b", "$X09#c1", 1, ""},
		{"", "", 1, ""},
	} {
		cmd := tenderCommand(t, "--gdb=0", hello().file(t))
		r, w, err := os.Pipe()
		check(t, err)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, w
		check(t, cmd.Start())
		check(t, w.Close())
		messages := bufio.NewReader(r)
		_, err = messages.ReadString('\n') // the warning
		check(t, err)
		line, err := messages.ReadString('\n')
		check(t, err)
		found := regexp.MustCompile(`target remote (127\.0\.0\.1:\d+)'`).FindStringSubmatch(line)
		if found == nil {
			t.Fatalf("no address in %q", line)
		}
		if c.says == "" {
			check(t, cmd.Process.Signal(syscall.SIGTERM))
		} else {
			conn, err := net.Dial("tcp", found[1])
			check(t, err)
			_, err = io.WriteString(conn, c.says)
			check(t, err)
			heard, err := io.ReadAll(conn)
			check(t, err)
			if string(heard) != "+"+c.hears {
				t.Errorf("%s: heard %q, want %q", c.says, heard, c.hears)
			}
			check(t, conn.Close())
		}
		rest, err := io.ReadAll(messages)
		check(t, err)
		if status := wait(t, cmd); status != c.status || out.String() != c.out {
			t.Errorf("%s: status %d, %q, %q", c.says, status, out.String(), rest)
		}
		if c.says == "" && string(rest) != "tender: Exiting on signal 15\n" {
			t.Errorf("interrupted: %q", rest)
		}
		check(t, r.Close())
	}
}
