// Demo puts the firewall unikernel between two network namespaces and sends
// real traffic through it:
//
//	go run ./tests/demo bin/tender bin/firewall.hvt
//
// It prints what it tried and what happened, and ends with a status other
// than zero if anything was not as claimed. Root is needed; everything made
// is removed at the end, also after a failure or Ctrl-C.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"tender/tests/rig"
)

// Ports of the inside host.
const (
	allowedPort   = "8080"
	forbiddenPort = "2323"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: demo TENDER FIREWALL-IMAGE")
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// interruption is what to say instead of an error that comes of Ctrl-C: it may
// reach a command just being started before it has reached ctx.
func interruption(ctx context.Context, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() && status.Signal() == syscall.SIGINT {
			return errInterrupted
		}
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

var errInterrupted = errors.New("interrupted")

func demo(ctx context.Context, tender, image string) (err error) {
	if os.Getuid() != 0 {
		return errors.New("network namespaces and TAPs need root: run it with sudo")
	}
	if f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0); err != nil {
		return fmt.Errorf("this host cannot run virtual machines: %w (try 'bin/tender doctor')", err)
	} else {
		f.Close()
	}
	if tender, err = filepath.Abs(tender); err != nil {
		return err
	}
	if image, err = filepath.Abs(image); err != nil {
		return err
	}
	fmt.Println("two hosts, outside", rig.OutsideHost, "and inside", rig.InsideHost+", with the firewall between them")
	network, err := rig.NewNetwork()
	if err != nil {
		return interruption(ctx, err)
	}
	defer func() { err = errors.Join(interruption(ctx, err), network.Close()) }()

	console := &rig.Console{}
	args := []string{tender,
		"--net=" + network.OutsideTAP, "--net=" + network.InsideTAP, image,
		"--outside=" + rig.OutsideRouter + "/24", "--inside=" + rig.InsideRouter + "/24",
		"--allow=icmp,type=echo-request", "--allow=tcp,in=outside,dst=" + rig.InsideHost + ",dport=" + allowedPort,
		"--stats=250ms"}
	fmt.Println("$", filepath.Base(tender), strings.Join(args[1:3], " "), filepath.Base(image), strings.Join(args[4:], " "))
	cmd := network.Outside.Command(ctx, args...)
	cmd.Stdout, cmd.Stderr = console, console
	if err := network.StartTender(cmd); err != nil {
		return fmt.Errorf("%w\n%s", err, console.Tail())
	}
	checks, err := traffic(ctx, network, console)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, console.Tail())
	}
	if failed := printTable(checks); failed > 0 {
		return fmt.Errorf("%d of %d checks failed; the firewall's last words:\n%s", failed, len(checks), console.Tail())
	}
	return endTender(cmd)
}

// endTender asks the tender to end, as an operator would.
func endTender(cmd *exec.Cmd) error {
	cmd.Process.Signal(syscall.SIGTERM)
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 1 {
		return fmt.Errorf("after SIGTERM the tender ended with status %d, not 1", code)
	}
	return nil
}
