// Package rig builds small networks out of Linux network namespaces, for the
// end-to-end tests, the demo and the benchmarks. It needs root and iproute2.
package rig

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Namespace is a network namespace of our own: a host in the small network.
// Close ends the processes started in it and removes it, links included.
type Namespace struct {
	Name    string
	started []*exec.Cmd
}

var counter atomic.Uint32

// NewNamespace makes an empty namespace whose name no other process uses.
func NewNamespace(role string) (*Namespace, error) {
	n := &Namespace{Name: fmt.Sprintf("%s%d-%s", prefix(), counter.Add(1), role)}
	if err := ip("netns", "add", n.Name); err != nil {
		return nil, err
	}
	return n, n.IP("link", "set", "lo", "up")
}

// prefix begins the names of all namespaces of this process.
func prefix() string { return fmt.Sprintf("td%d-", os.Getpid()) }

// Abandon removes all namespaces that this process has made, for one that is
// about to end without a chance to Close them.
func Abandon() {
	paths, _ := filepath.Glob("/run/netns/" + prefix() + "*") // the pattern is right
	for _, path := range paths {
		ip("netns", "del", filepath.Base(path))
	}
}

// ip runs iproute2 outside of any namespace of ours. Ctrl-C is not for it, so
// that what is made is removed.
func ip(args ...string) error {
	c := exec.Command("ip", args...)
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// IP runs iproute2 inside the namespace.
func (n *Namespace) IP(args ...string) error {
	return ip(append([]string{"-n", n.Name}, args...)...)
}

// Command is a command to run inside the namespace. It gets SIGKILL when ctx
// ends, or when this process does.
func (n *Namespace) Command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", n.Name}, args...)...)
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return c
}

// Run runs a command inside the namespace for at most limit and returns what
// it wrote to both outputs.
func (n *Namespace) Run(ctx context.Context, limit time.Duration, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out, err := n.Command(ctx, args...).CombinedOutput()
	return string(out), err
}

// Do calls f on a thread inside the namespace: sockets that f opens belong to
// it.
func (n *Namespace) Do(f func() error) error {
	// The thread must live on: those that Command started on it end with it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("entering namespace %s: %w", n.Name, err)
	}
	defer home.Close()
	if err := enter("/run/netns/" + n.Name); err != nil {
		return err
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		panic(fmt.Sprintf("cannot leave namespace %s: %v", n.Name, back))
	}
	return err
}

func enter(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("entering a namespace: %w", err)
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("entering namespace %s: %w", path, err)
	}
	return nil
}

// AwaitPort waits until somebody in the namespace listens on a port of "tcp" or
// "udp".
func (n *Namespace) AwaitPort(ctx context.Context, network, port string) error {
	err := poll(ctx, 5*time.Second, func() bool {
		out, err := n.Run(ctx, time.Second, "ss", "-Hln", "--"+network, "sport = :"+port)
		return err == nil && out != ""
	})
	if err != nil {
		return fmt.Errorf("nobody listens on %s port %s: %w", network, port, err)
	}
	return nil
}

// Set sets a kernel parameter of the namespace, such as net/ipv4/ip_forward.
func (n *Namespace) Set(parameter, value string) error {
	return n.Do(func() error { return os.WriteFile("/proc/sys/"+parameter, []byte(value), 0) })
}

// Start starts a command inside the namespace that Close will end.
func (n *Namespace) Start(args ...string) (*exec.Cmd, error) {
	c := n.Command(context.Background(), args...)
	if err := c.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(args, " "), err)
	}
	n.started = append(n.started, c)
	return c, nil
}

// Close may be called more than once.
func (n *Namespace) Close() error {
	for _, c := range n.started {
		c.Process.Kill()
		c.Wait()
	}
	n.started = nil
	if n.Name == "" {
		return nil
	}
	err := ip("netns", "del", n.Name)
	n.Name = ""
	return err
}
