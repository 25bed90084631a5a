package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tender/tests/rig"
)

// CPUs of the machine: the load runs on the first.
const (
	loadCPU   = 0
	routerCPU = 1
)

// unikernel is an image under a tender.
type unikernel struct {
	tender string
	spt    bool
	image  string
	// placement says where the tender's threads and its guest run.
	placement placement
	// dir is for the socket of its counters.
	dir string
}

// command is the tender's, in ns, with devices on two interfaces.
func (u *unikernel) command(ns *rig.Namespace, p *path, outside, inside string) *exec.Cmd {
	p.stats = filepath.Join(u.dir, ns.Name+".stats")
	words := []string{u.tender, "--cpu", strconv.Itoa(routerCPU), "--stats", "unix:" + p.stats}
	if u.spt {
		words = append(words, "--spt")
	}
	words = append(words, "--net:outside="+outside, "--net:inside="+inside, u.image)
	p.console, p.spt, p.placement = &rig.Console{}, u.spt, u.placement
	cmd := ns.Command(context.Background(), words...)
	cmd.Stdout, cmd.Stderr = p.console, p.console
	return cmd
}

// onTAPs is a path through it with a TAP for each host.
func (u *unikernel) onTAPs() (*path, error) {
	n, err := rig.NewNetwork()
	if err != nil {
		return nil, err
	}
	p := &path{outside: n.Outside, inside: n.Inside, outsideDevice: n.OutsideTAP, insideDevice: n.InsideTAP, close: n.Close}
	cmd := u.command(n.Outside, p, n.OutsideTAP, n.InsideTAP)
	if err := n.StartTender(cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("%w\n%s", err, p.console.Tail()), n.Close())
	}
	p.tender = cmd.Process.Pid
	return p, nil
}

// onXDP is a path through it where Linux would be the router, on its ports.
func (u *unikernel) onXDP() (*path, error) {
	r, err := rig.NewCables()
	if err != nil {
		return nil, err
	}
	p := &path{outside: r.Outside, inside: r.Inside, outsideDevice: "eth0", insideDevice: "eth0"}
	cmd := u.command(r.Router, p, "xdp:"+rig.OutsidePort, "xdp:"+rig.InsidePort)
	p.close = func() error {
		if cmd.Process != nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
		return r.Close()
	}
	if err := errors.Join(r.CompleteChecksums(), cmd.Start()); err != nil {
		return nil, errors.Join(err, p.close())
	}
	p.tender = cmd.Process.Pid
	return p, nil
}

// newLinux is a path through Linux as a router. On one core the router works
// where the sender does, as Linux has it; on two its ports have threads of their own
// on the other CPU.
func newLinux(filter func(string, int) (string, string), kind string, n, cores int) (*path, error) {
	r, err := rig.NewRouter()
	if err != nil {
		return nil, err
	}
	p := &path{outside: r.Outside, inside: r.Inside, outsideDevice: "eth0", insideDevice: "eth0", close: r.Close}
	if filter != nil {
		tool, text := filter(kind, n)
		args := []string{tool}
		if tool == "nft" {
			args = append(args, "-f", "-")
		}
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
		defer cancel()
		c := r.Router.Command(ctx, args...)
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w: %s", tool, err, out), r.Close())
		}
	}
	if cores == 2 {
		p.threaded = true
		if err := threaded(r.Router, rig.OutsidePort, rig.InsidePort); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	return p, nil
}

// threaded gives the router's ports NAPI threads on routerCPU.
func threaded(ns *rig.Namespace, ports ...string) error {
	for _, port := range ports {
		// Without GRO a veth has no NAPI.
		if out, err := ns.Run(context.Background(), 5*time.Second, "ethtool", "-K", port, "gro", "on"); err != nil {
			return fmt.Errorf("ethtool: %w: %s", err, out)
		}
		script := fmt.Sprintf("echo 1 > /sys/class/net/%s/threaded", port)
		if out, err := ns.Run(context.Background(), 5*time.Second, "sh", "-c", script); err != nil {
			return fmt.Errorf("threaded NAPI: %w: %s", err, out)
		}
	}
	return pinThreads("napi/"+rig.OutsidePort+"-", "napi/"+rig.InsidePort+"-")
}

// offerThreads has a veth give frames to the threads of its peer, or not. A veth
// that may send large segments hands all frames over at once, on the sender's
// CPU: better for TCP, but nothing for a flood.
func (p *path) offerThreads(offer bool) error {
	if !p.threaded {
		return nil
	}
	tso := "on"
	if offer {
		tso = "off"
	}
	if out, err := p.outside.Run(context.Background(), 5*time.Second, "ethtool", "-K", p.outsideDevice, "tso", tso); err != nil {
		return fmt.Errorf("ethtool: %w: %s", err, out)
	}
	return nil
}

// pinThreads moves kernel threads with these beginnings of names to routerCPU.
func pinThreads(names ...string) error {
	paths, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return err
	}
	found := 0
	for _, p := range paths {
		comm, err := os.ReadFile(p)
		if err != nil {
			continue // it has ended
		}
		for _, name := range names {
			if strings.HasPrefix(string(comm), name) {
				found++
				pid := filepath.Base(filepath.Dir(p))
				if out, err := exec.Command("taskset", "-p", "-c", fmt.Sprint(routerCPU), pid).CombinedOutput(); err != nil {
					return fmt.Errorf("taskset: %w: %s", err, out)
				}
			}
		}
	}
	if found < len(names) {
		return fmt.Errorf("%d threads of the router's ports were found, not %d", found, len(names))
	}
	return nil
}

// pinSelf keeps the calling thread on loadCPU until back is called.
func pinSelf() (back func(), err error) {
	var was, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &was); err != nil {
		return nil, fmt.Errorf("pinning the load: %w", err)
	}
	set.Set(loadCPU)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("pinning the load: %w", err)
	}
	return func() { unix.SchedSetaffinity(0, &was) }, nil
}
