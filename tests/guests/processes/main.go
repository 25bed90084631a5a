// Processes asks for what a unikernel does not have: other programs. Each
// request fails at once, with an error that says why.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	_, err := exec.LookPath("sh")
	fmt.Println("look:", errors.Is(err, exec.ErrNotFound))
	err = exec.Command("/bin/sh").Run()
	fmt.Println("no file:", err != nil)
	os.WriteFile("/tmp/program", []byte("#!/bin/sh\n"), 0o755)
	err = exec.Command("/tmp/program").Run()
	fmt.Println("run:", errors.Is(err, syscall.ENOSYS))
	err = syscall.Exec("/tmp/program", []string{"program"}, nil)
	fmt.Println("exec:", errors.Is(err, syscall.ENOSYS))
	_, err = syscall.Wait4(-1, nil, 0, nil)
	fmt.Println("wait:", errors.Is(err, syscall.ECHILD))
	fmt.Println("ids:", os.Getpid(), os.Getppid(), os.Getuid(), os.Getgid())
	var limit syscall.Rlimit
	err = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	fmt.Println("files:", limit.Cur, err)
}
