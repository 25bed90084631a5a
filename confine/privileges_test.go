package confine

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A confined process has no capability on any thread, whoever it is.
func TestPrivileges(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have something to lose")
	}
	for _, c := range []struct {
		what string
		user *User
		hide bool // no /proc
		ids  string
	}{
		{"root", nil, false, "0 0 0 0"},
		{"root without /proc", nil, true, "0 0 0 0"},
		{"a user", &User{4711, 4712}, false, "4711 4711 4711 4711"},
		{"a user without /proc", &User{4711, 4712}, true, "4711 4711 4711 4711"},
	} {
		cmd := child(t, act{Kind: "wait", User: c.user})
		if c.hide {
			// The new name space's /proc is empty; the parent's is not.
			cmd.Args = append([]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /proc && exec "$0" "$@"`}, os.Args[0])
			cmd.Path = must(exec.LookPath("unshare"))
		}
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		kill := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || line != "ready\n" {
			t.Errorf("%s: %q, %v", c.what, line, err)
		} else {
			checkThreads(t, c.what, cmd.Process.Pid, c.ids)
		}
		// Not dumpable: its files in /proc are root's.
		if info, err := os.Stat(fmt.Sprintf("/proc/%d/mem", cmd.Process.Pid)); err == nil {
			if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
				t.Errorf("%s: can be traced by user %d", c.what, uid)
			}
		}
		cmd.Process.Kill()
		cmd.Wait()
		kill.Stop()
	}
}

// checkThreads reads the status of each thread.
func checkThreads(t *testing.T, what string, pid int, ids string) {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	check(t, err)
	if len(files) < 3 {
		t.Errorf("%s: %d threads", what, len(files))
	}
	const none = "0000000000000000"
	want := map[string]string{
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
		"NoNewPrivs": "1", "Seccomp": "2", "Uid": ids,
	}
	if ids != "0 0 0 0" {
		want["Gid"], want["Groups"] = "4712 4712 4712 4712", ""
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		check(t, err)
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(line, ":")
			value = strings.Join(strings.Fields(value), " ")
			if w, ok := want[key]; ok && value != w {
				t.Errorf("%s: %s: %s is %q, not %q", what, file, key, value, w)
			}
		}
	}
}

func must(path string, err error) string {
	if err != nil {
		panic(err)
	}
	return path
}

func TestUserWorker(t *testing.T) {
	for text, want := range map[string]bool{
		"12 (tender) S 1 12 12 0 -1 4194560 99 0":        false,
		"12 (kvm-nx-lpage-re) S 1 12 12 0 -1 16448 99 0": true, // 0x4040
		"12 (a) b) c) S 1 12 12 0 -1 16448 99 0":         true,
		"12 (a) S 1":                                     false,
		"":                                               false,
		"12 (a) S 1 12 12 0 -1 99999999999999999999999999999999 9": false,
	} {
		if got := userWorker([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestParseUser(t *testing.T) {
	const file = "root:x:0:0:root:/root:/bin/sh\nbroken\ndaemon:x:1:2:d:/:/bin/false\nodd:x:-1:5::\nnobody:x:65534:65534::\n"
	for _, c := range []struct {
		who     string
		numeric bool
		want    User
		says    string
	}{
		{"daemon", false, User{1, 2}, ""},
		{"1", true, User{1, 2}, ""},
		{"65534", true, User{65534, 65534}, ""},
		{"1", false, User{}, "no user"},
		{"daemo", false, User{}, "no user"},
		{"broken", false, User{}, "no user"},
		{"odd", false, User{}, "UID"},
		{"77", true, User{}, "no user"},
	} {
		got, err := search(strings.NewReader(file), c.who, c.numeric)
		if got != c.want || (err != nil) != (c.says != "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: %v, %v", c.who, got, err)
		}
	}
	for text, want := range map[string]User{"1234:5": {1234, 5}, "1:4294967294": {1, 4294967294}} {
		if got, err := ParseUser(text); err != nil || got != want {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	bad := []string{"", ":", "0:5", "5:0", "0", "root", "root:5", "1:x", "1:", "-1:5", "1:-5", "4294967295:1", "no such user", "1:2:3", "+1:2"}
	for _, text := range bad {
		if got, err := ParseUser(text); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// The search finds eventfds and the like, and no files or sockets.
func TestAnonymous(t *testing.T) {
	prepareRuntime()
	found, err := anonymous()
	check(t, err)
	if len(found) < 2 {
		t.Errorf("%d, without the runtime's", found)
	}
	file, err := os.Open(os.Args[0])
	check(t, err)
	defer file.Close()
	for _, fd := range []int{0, 1, 2, int(file.Fd())} {
		if slices.Contains(found, fd) {
			t.Errorf("%d is in %d", fd, found)
		}
	}
	if _, err := (Config{Disks: []int{-1}}).Policy(); err == nil {
		t.Error("a descriptor of -1")
	}
	if _, err := (Config{Disks: []int{9999}}).Policy(); err == nil {
		t.Error("a descriptor that is not open")
	}
}
