// Environment asks for what a unikernel does not have: files of the host, other
// processes, a second CPU. It gets errors, and never hangs.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"runtime"
	"time"
)

func want(what string, err, target error) {
	if err == nil || target != nil && !errors.Is(err, target) {
		log.Fatalf("%s: error %v", what, err)
	}
}

func main() {
	if n := runtime.GOMAXPROCS(0); n != 1 {
		log.Fatalf("GOMAXPROCS %d", n)
	}
	if n := runtime.NumCPU(); n != 1 {
		log.Fatalf("NumCPU %d", n)
	}
	for _, name := range []string{"/etc/hosts", "/etc/localtime", "/proc/cpuinfo", "/sys/class/net", "relative", "/dev/net/nothing", "/dev/mem"} {
		_, err := os.Open(name)
		want("open "+name, err, fs.ErrNotExist)
		_, err = os.Stat(name)
		want("stat "+name, err, fs.ErrNotExist)
		_, err = os.ReadDir(name)
		want("list "+name, err, fs.ErrNotExist)
		want("remove "+name, os.Remove(name), fs.ErrNotExist)
	}
	want("run", exec.Command("/bin/true").Run(), nil)
	_, err := os.StartProcess("/bin/true", nil, &os.ProcAttr{})
	want("process", err, nil)

	// These may answer or fail; they return.
	os.Getwd()
	os.Hostname()
	os.Executable()
	os.UserHomeDir()
	user.Current()
	time.LoadLocation("Europe/Berlin")
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	os.Getpagesize()
	os.Getpid()

	if n, err := os.Stdin.Read(make([]byte, 10)); n != 0 || err != io.EOF {
		log.Fatalf("stdin: %d bytes, %v", n, err)
	}
	for _, e := range os.Environ() {
		if e[:10] != "GOMEMLIMIT" {
			log.Fatalf("environment has %q", e)
		}
	}
	fmt.Println("ok")
}
