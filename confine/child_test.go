package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/seccomp"
)

// Descriptors that a test's child inherits.
const (
	framesFD = 3 + iota
	diskFD
	readOnlyFD
	otherFD // in no list
)

// childConfig is how a child is confined.
var childConfig = Config{Output: []int{1, 2}, Frames: []int{framesFD}, Sockets: []int{framesFD}, Disks: []int{diskFD, readOnlyFD}}

// act is what a confined child does.
type act struct {
	// Kind is calls, one, threads, wait or guest.
	Kind string
	// Number and Args are those of the system call of kind one.
	Number uintptr
	Args   [6]uintptr
	User   *User
	Disk   string // of kind guest
}

const actVariable = "CONFINE_TEST"

// TestMain is also the process that is confined.
func TestMain(m *testing.M) {
	text := os.Getenv(actVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var a act
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	a.do()
}

// childDone is the status of a child that did all it should.
const childDone = 42

func (a act) do() {
	if a.Kind == "guest" {
		a.guest()
	}
	c := childConfig
	c.User = a.User
	policy, err := c.Policy()
	if err == nil {
		err = Apply(c)
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	switch a.Kind {
	case "calls":
		makeCalls(policy)
	case "one":
		unix.RawSyscall6(a.Number, a.Args[0], a.Args[1], a.Args[2], a.Args[3], a.Args[4], a.Args[5])
	case "threads":
		useThreads()
	case "wait":
		fmt.Println("ready")
		time.Sleep(time.Minute)
	}
	os.Exit(childDone)
}

// numbers are those of the calls of a policy, taken before it is in force.
func numbers(p seccomp.Policy) map[string]uintptr {
	found := make(map[string]uintptr)
	for _, r := range p {
		n, err := seccomp.Number(r.Call)
		if err != nil {
			fmt.Println(err)
			os.Exit(2)
		}
		found[r.Call] = n
	}
	return found
}

// makeCalls makes every call that a policy allows, with arguments that the
// kernel refuses or that have no effect. useThreads and the end of the process
// make those that cannot be made just so.
func makeCalls(p seccomp.Policy) {
	number := numbers(p)
	for _, r := range p {
		args := r.Sample()
		switch r.Call {
		case "clone", "exit", "exit_group", "rt_sigreturn":
			continue
		case "ppoll":
			unix.Ppoll(nil, &unix.Timespec{Nsec: 1}, nil)
			continue
		}
		_, _, errno := unix.RawSyscall6(number[r.Call], uintptr(args[0]), uintptr(args[1]), uintptr(args[2]), uintptr(args[3]), uintptr(args[4]), uintptr(args[5]))
		if r.Errno != 0 && errno != r.Errno {
			fmt.Println(r.Call, errno)
			os.Exit(3)
		}
	}
}

// useThreads has the runtime make, interrupt and end threads, collect garbage
// and run timers.
func useThreads() {
	signals := make(chan os.Signal, 100)
	signal.Notify(signals, syscall.SIGUSR1)
	for round := range 20 {
		done := make(chan struct{})
		atOnce := 8
		if round == 0 {
			atOnce = 100
		}
		var threads sync.WaitGroup
		threads.Add(atOnce)
		for range atOnce {
			go func() {
				runtime.LockOSThread() // and never unlocked: the thread ends
				threads.Done()
				threads.Wait()
				unix.Tgkill(unix.Getpid(), unix.Gettid(), syscall.SIGUSR1)
				waste := make([]byte, 64<<10)
				for i := range waste {
					waste[i] = byte(i)
				}
				done <- struct{}{}
			}()
		}
		for range atOnce {
			<-done
		}
		large := make([]byte, 100<<20) // more than the heap has reserved
		large[len(large)-1] = 1
		runtime.GC()
		time.Sleep(100 * time.Microsecond)
	}
	signal.Stop(signals)
}

// child is a process that will be confined and do the act.
func child(t testing.TB, a act) *exec.Cmd {
	t.Helper()
	if _, err := (seccomp.Policy{{Call: "getpid"}}).Compile(); errors.Is(err, seccomp.ErrUnavailable) {
		t.Skip(err)
	}
	text, err := json.Marshal(a)
	check(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), actVariable+"="+string(text))
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	path := filepath.Join(t.TempDir(), "disk")
	check(t, os.WriteFile(path, make([]byte, 1<<20), 0o600))
	disk, err := os.OpenFile(path, os.O_RDWR, 0)
	check(t, err)
	readOnly, err := os.Open(path)
	check(t, err)
	other, err := os.OpenFile(filepath.Join(t.TempDir(), "other"), os.O_RDWR|os.O_CREATE, 0o600)
	check(t, err)
	near, far := os.NewFile(uintptr(pair[0]), "near"), os.NewFile(uintptr(pair[1]), "far")
	cmd.ExtraFiles = []*os.File{near, disk, readOnly, other}
	t.Cleanup(func() {
		for _, f := range append(cmd.ExtraFiles, far) {
			f.Close()
		}
	})
	return cmd
}

// finish runs a child to its end; a status of -1 is a signal's.
func finish(t testing.TB, cmd *exec.Cmd) (status int, sig syscall.Signal, out string) {
	t.Helper()
	var text strings.Builder
	cmd.Stdout, cmd.Stderr = &text, &text
	check(t, cmd.Start())
	kill := time.AfterFunc(30*time.Second, func() { cmd.Process.Kill() })
	defer kill.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	ws := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ws.ExitStatus(), ws.Signal(), text.String()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
