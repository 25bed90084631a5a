package spt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"tender/machine"
)

// Run executes the guest until it ends, and may be called once. It fails with
// a *SignalError when a signal ended the guest, with the error of the console,
// which ends the guest, and with the cause of ctx soon after that ends, unless
// a Write of the console holds it up. Run occupies the calling goroutine's
// thread; the guest ends with that thread and so with the program.
func (p *Process) Run(ctx context.Context) (machine.Exit, error) {
	if err := p.life.Begin(); err != nil {
		return machine.Exit{}, fmt.Errorf("%s: %w", p.name, err)
	}
	defer p.life.End()
	if ctx.Err() != nil {
		return machine.Exit{}, context.Cause(ctx)
	}
	// The kernel kills the guest when the thread that made it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	child, err := p.spawn()
	if err != nil {
		return machine.Exit{}, fmt.Errorf("%s: %w", p.name, err)
	}
	stop := context.AfterFunc(ctx, child.kill)
	var pathErr error
	if p.path != nil {
		p.path.start(func(error) { child.kill() })
	}
	copied := make(chan error, 1)
	go func() {
		err := p.console.copy()
		if err != nil {
			child.kill()
		}
		copied <- err
	}()
	status, err := child.wait()
	stopped := !stop()
	consoleErr := <-copied
	if p.path != nil {
		pathErr = p.path.end()
	}

	switch {
	case err != nil:
		return machine.Exit{}, fmt.Errorf("%s: %w", p.name, err)
	case status.Exited() && consoleErr == nil:
		return machine.Exit{Status: status.ExitStatus()}, nil
	case pathErr != nil:
		return machine.Exit{}, fmt.Errorf("%s: %w", p.name, pathErr)
	case stopped && status.Signal() == unix.SIGKILL:
		return machine.Exit{}, context.Cause(ctx)
	case consoleErr != nil:
		return machine.Exit{}, fmt.Errorf("%s: %w", p.name, consoleErr)
	}
	if what, ok := p.prologue.failed(int(status.Signal())); ok {
		return machine.Exit{}, fmt.Errorf("%s: cannot start: the kernel refused to %s", p.name, what)
	}
	return machine.Exit{}, &SignalError{Guest: p.name, Signal: status.Signal()}
}

// spawn makes the process. It inherits what the guest is to have, and behind
// that its picture, by a number that no other descriptor takes in the process;
// the prologue closes that and what other parts of the program left open.
func (p *Process) spawn() (*child, error) {
	const closed = ^uintptr(0)
	files := []uintptr{closed, closed, closed, uintptr(p.epoll), uintptr(p.timer)}
	files[consoleFD] = uintptr(p.console.fd)
	for _, fd := range p.devices {
		files = append(files, uintptr(fd)) // -1 is closed
	}
	if p.path != nil {
		files = append(files, uintptr(p.path.doorbell), uintptr(p.path.memory))
	}
	path := fmt.Sprintf("/proc/self/fd/%d", len(files))
	files = append(files, uintptr(p.file))
	c := &child{handle: -1}
	var err error
	c.pid, err = syscall.ForkExec(path, []string{""}, &syscall.ProcAttr{
		Files: files,
		Sys:   &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL, PidFD: &c.handle},
	})
	switch {
	case err == nil:
	case errors.Is(err, unix.ENOENT):
		return nil, fmt.Errorf("cannot start the process: %w; is /proc mounted?", err)
	case errors.Is(err, unix.EAGAIN):
		return nil, fmt.Errorf("cannot start the process: %w; raise the limit of processes (ulimit -u)", err)
	default:
		return nil, fmt.Errorf("cannot start the process: %w", err)
	}
	// The process has its own now.
	err = errors.Join(p.console.started(), unix.Close(p.file))
	p.file = -1
	if err != nil {
		c.kill()
		_, waitErr := c.wait()
		return nil, errors.Join(err, waitErr)
	}
	return c, nil
}

// child is a process that runs.
type child struct {
	pid int

	mu     sync.Mutex
	handle int // pidfd; -1 once the process is gone
}

// kill ends the process, unless it is gone.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.handle >= 0 {
		// It fails only if the process has ended meanwhile.
		_ = unix.PidfdSendSignal(c.handle, unix.SIGKILL, nil, 0)
	}
}

// wait waits for the end of the process and forgets it.
func (c *child) wait() (syscall.WaitStatus, error) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(c.pid, &status, 0, nil)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return 0, fmt.Errorf("cannot wait for the process: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	handle := c.handle
	c.handle = -1
	if handle < 0 {
		return status, nil
	}
	return status, unix.Close(handle)
}
