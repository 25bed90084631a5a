package rig

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// Network is two hosts with the place of a router between them: outside and
// inside each see one TAP, and a tender started in outside drives both.
type Network struct {
	Outside, Inside *Namespace
	// OutsideTAP and InsideTAP are the names of the TAPs.
	OutsideTAP, InsideTAP string
	tender                *exec.Cmd
	moved                 bool
}

// Addresses of the hosts and of the router.
const (
	OutsideHost   = "10.0.0.1"
	OutsideRouter = "10.0.0.2"
	InsideHost    = "192.168.0.20"
	InsideRouter  = "192.168.0.1"
	InsideNetwork = "192.168.0.0/24"
)

// NewNetwork makes the namespaces and both TAPs. The caller calls Close.
func NewNetwork() (n *Network, err error) {
	n = &Network{OutsideTAP: "tapout", InsideTAP: "tapin"}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close())
		}
	}()
	if n.Outside, err = NewNamespace("out"); err != nil {
		return n, err
	}
	if n.Inside, err = NewNamespace("in"); err != nil {
		return n, err
	}
	return n, n.makeTAPs()
}

// MoveInside gives the inner TAP to its host. A tender attaches a TAP by name
// before that, and by an inherited descriptor also afterwards.
func (n *Network) MoveInside() error {
	if n.moved {
		return nil
	}
	n.moved = true
	if err := n.Outside.IP("link", "set", n.InsideTAP, "netns", n.Inside.Name); err != nil {
		return err
	}
	return n.Inside.IP("link", "set", n.InsideTAP, "up")
}

// StartTender starts a tender in the outside namespace, waits until it has
// attached both TAPs, moves the inner one to its host and configures both
// hosts: each routes to the other by way of the guest. The command ends with
// Close, or by the caller's own means.
func (n *Network) StartTender(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	n.tender = cmd
	for _, tap := range []string{n.OutsideTAP, n.InsideTAP} {
		if err := n.waitCarrier(tap); err != nil {
			return err
		}
	}
	if err := n.MoveInside(); err != nil {
		return err
	}
	return n.configure()
}

// TakeBack takes the inner TAP back and the addresses away, so that another
// tender can be started after the first has ended.
func (n *Network) TakeBack() error {
	n.moved = false
	return errors.Join(
		n.Inside.IP("link", "set", n.InsideTAP, "netns", n.Outside.Name),
		n.Outside.IP("link", "set", n.InsideTAP, "up"),
		n.Outside.IP("addr", "flush", "dev", n.OutsideTAP),
	)
}

func (n *Network) makeTAPs() error {
	for _, tap := range []string{n.OutsideTAP, n.InsideTAP} {
		if err := n.Outside.IP("tuntap", "add", "dev", tap, "mode", "tap"); err != nil {
			return err
		}
		if err := n.Outside.IP("link", "set", tap, "up"); err != nil {
			return err
		}
	}
	return nil
}

// configure gives both hosts an address and a route.
func (n *Network) configure() error {
	return errors.Join(
		n.Outside.IP("addr", "add", OutsideHost+"/24", "dev", n.OutsideTAP),
		n.Outside.IP("route", "add", InsideNetwork, "via", OutsideRouter),
		n.Inside.IP("addr", "add", InsideHost+"/24", "dev", n.InsideTAP),
		n.Inside.IP("route", "add", "default", "via", InsideRouter),
	)
}

// waitCarrier waits until a TAP has a process behind it.
func (n *Network) waitCarrier(tap string) error {
	ns := n.Outside
	if tap == n.InsideTAP && n.moved {
		ns = n.Inside
	}
	ended := false
	err := poll(context.Background(), 10*time.Second, func() bool {
		// A tender that has ended is not waited for.
		var err error
		if ended, err = Ended(n.tender.Process.Pid); ended || err != nil {
			ended = true
			return true
		}
		link, err := ns.Link(tap)
		return err == nil && link.Carrier
	})
	if ended {
		err = errors.New("it has ended")
	}
	if err != nil {
		return fmt.Errorf("the tender did not attach %s: %w", tap, err)
	}
	return nil
}

// Ended says whether a child process has ended, which is still to be waited for.
func Ended(pid int) (bool, error) {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); err != nil {
		return false, fmt.Errorf("asking for the tender's end: %w", err)
	}
	return info.Signo != 0, nil
}

// Close ends the tender and removes everything.
func (n *Network) Close() error {
	if n.tender != nil && n.tender.ProcessState == nil {
		n.tender.Process.Kill()
		n.tender.Wait()
	}
	var errs []error
	for _, ns := range []*Namespace{n.Outside, n.Inside} {
		if ns != nil {
			errs = append(errs, ns.Close())
		}
	}
	return errors.Join(errs...)
}
