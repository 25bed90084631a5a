package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// machine is what QEMU boots.
type machine struct {
	qemu, kernel, initrd string
}

// command starts the machine with its serial line on stdin and stdout. One
// thread for all CPUs is what QEMU's emulation of SVM is reliable with.
func (m machine) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, m.qemu,
		"-machine", "q35", "-accel", "tcg,thread=single", "-cpu", "max,+svm", "-smp", "2", "-m", "2G",
		"-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot",
		"-kernel", m.kernel, "-initrd", m.initrd,
		"-append", "console=ttyS0 quiet panic=-1 mitigations=off")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// boot runs the machine and reports on its suites. The console is kept in a
// file if anything failed.
func boot(ctx context.Context, limit time.Duration, m machine, chosen []suite) (err error) {
	log, err := os.CreateTemp("", "tender-hardware-*.log")
	if err != nil {
		return err
	}
	defer func() {
		if closed := log.Close(); err == nil {
			err = errors.Join(closed, os.Remove(log.Name()))
		} else {
			err = fmt.Errorf("%w; the console is in %s", err, log.Name())
		}
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the machine took longer than %v", limit))
	defer cancel()
	cmd := m.command(ctx)
	cmd.Stderr = log
	console, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("QEMU: %w", err)
	}
	r := report{out: os.Stdout, wanted: len(chosen)}
	r.read(io.TeeReader(console, log))
	waited := cmd.Wait()
	if ctx.Err() != nil {
		r.interrupted()
		return context.Cause(ctx)
	}
	if err := r.result(); err != nil {
		return err
	}
	if waited != nil {
		return fmt.Errorf("QEMU: %w", waited)
	}
	return nil
}
