package seccomp

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// runtimeCalls are enough for a Go program that does little.
var runtimeCalls = Policy{
	{Call: "write", Args: []Cond{Equal(0, 1, "")}}, {Call: "write", Args: []Cond{Equal(0, 2, "")}},
	{Call: "futex"}, {Call: "nanosleep"}, {Call: "rt_sigreturn"}, {Call: "rt_sigprocmask"}, {Call: "sigaltstack"},
	{Call: "mmap", Args: []Cond{Masked(2, unix.PROT_EXEC, 0, "")}}, {Call: "munmap"}, {Call: "madvise"}, {Call: "mprotect"},
	{Call: "sched_yield"}, {Call: "getpid"}, {Call: "gettid"}, {Call: "tgkill"}, {Call: "exit_group"}, {Call: "exit"},
	{Call: "clone3", Errno: unix.ENOSYS}, {Call: "clone"}, {Call: "set_robust_list"}, {Call: "rseq"}, {Call: "brk"},
	{Call: "epoll_pwait"}, {Call: "prctl", Args: []Cond{Equal(0, unix.PR_SET_VMA, "")}},
	{Call: "uname", Errno: unix.EXDEV},
}

// TestMain is also the process that the filter is put on.
func TestMain(m *testing.M) {
	act := os.Getenv("SECCOMP_TEST")
	if act == "" {
		os.Exit(m.Run())
	}
	ready := make(chan struct{})
	forbidden := make(chan struct{})
	go func() { // a thread that is there before
		close(ready)
		<-forbidden
		unix.Getppid()
	}()
	<-ready
	prog, err := runtimeCalls.Compile()
	if err == nil {
		err = prog.Load()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(3)
	}
	switch act {
	case "errno":
		if err := unix.Uname(new(unix.Utsname)); err != unix.EXDEV {
			fmt.Println("uname:", err)
			os.Exit(4)
		}
	case "forbidden":
		unix.Getppid()
	case "other thread":
		close(forbidden)
		time.Sleep(5 * time.Second)
	}
	fmt.Println("alive")
	os.Exit(5)
}

// A call that is not allowed ends the whole process, whichever thread makes it.
func TestLoad(t *testing.T) {
	mustCompile(t, sample)
	for _, c := range []struct {
		act    string
		status int
		signal syscall.Signal
		out    string
	}{
		{"nothing", 5, -1, "alive\n"},
		{"errno", 5, -1, "alive\n"},
		{"forbidden", -1, syscall.SIGSYS, ""},
		{"other thread", -1, syscall.SIGSYS, ""},
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "SECCOMP_TEST="+c.act)
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatalf("%s: %v", c.act, err)
		}
		ws := exit.Sys().(syscall.WaitStatus)
		if ws.ExitStatus() != c.status || ws.Signal() != c.signal || string(out) != c.out {
			t.Errorf("%s: %v, %q", c.act, exit, out)
		}
	}
}

func TestLoadRefusesNonsense(t *testing.T) {
	for what, p := range map[string]Program{"empty": nil, "too long": make(Program, maxProgram+1)} {
		if err := p.Load(); err == nil {
			t.Errorf("%s: loaded", what)
		}
	}
	// The kernel refuses a program without RET; no_new_privs is set by then.
	if err := (Program{{}}).Load(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("an instruction that is no RET: %v", err)
	}
}
