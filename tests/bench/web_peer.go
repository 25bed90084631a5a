package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"tender/tests/rig"
)

// Addresses of the client's host and of the server.
const (
	webClient = "10.0.0.1"
	webServer = "10.0.0.2"
)

// webKind is a way to run the server. The client is in a network namespace. A
// guest is behind a TAP of that namespace, which passes one frame of up to 1500
// bytes at a time, with checksums; a process is in a second namespace, at the
// other end of a veth.
type webKind struct {
	name string
	// tender are options; nil for a process.
	tender []string
	// cpus limits a process (GOMAXPROCS) if it is not empty.
	cpus string
	// plain takes what a TAP does not have from the veth: segments of 64 KiB
	// and checksums that nobody computes.
	plain bool
}

// webKinds has what others are compared with first.
var webKinds = []webKind{
	{name: "Linux process, one CPU, veth", cpus: "1"},
	{name: "Linux process, one CPU, veth without offloads", cpus: "1", plain: true},
	{name: "Linux process, all CPUs, veth"},
	{name: "hvt, TAP", tender: []string{}},
	{name: "spt, TAP", tender: []string{"--spt"}},
}

// webPeer is a running server and its client's host.
type webPeer struct {
	name           string
	client, server *rig.Namespace // server is nil for a guest
	program        *exec.Cmd
	console        *rig.Console
	figures        map[string][]float64
}

// start starts a server and waits until it answers.
func (w *webPrograms) start(ctx context.Context, k webKind) (p *webPeer, err error) {
	p = &webPeer{name: k.name, console: &rig.Console{}, figures: map[string][]float64{}}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("%w\n%s", err, p.console.Tail()), p.Close())
		}
	}()
	if p.client, err = rig.NewNamespace("client"); err != nil {
		return p, err
	}
	if k.tender == nil {
		err = p.prepareProcess(w, k)
	} else {
		err = p.prepareGuest(w, k)
	}
	if err != nil {
		return p, err
	}
	p.program.Stdout, p.program.Stderr = p.console, p.console
	if err := p.program.Start(); err != nil {
		return p, err
	}
	return p, p.await(ctx)
}

// prepareProcess makes the veth and the command.
func (p *webPeer) prepareProcess(w *webPrograms, k webKind) (err error) {
	if p.server, err = rig.NewNamespace("server"); err != nil {
		return err
	}
	if err := p.server.IP("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", p.client.Name); err != nil {
		return err
	}
	for _, end := range []struct {
		ns      *rig.Namespace
		address string
	}{{p.client, webClient}, {p.server, webServer}} {
		if k.plain {
			args := []string{"ethtool", "-K", "eth0", "tso", "off", "gso", "off", "gro", "off", "tx", "off"}
			if out, err := end.ns.Run(context.Background(), 10*time.Second, args...); err != nil {
				return fmt.Errorf("%v: %w: %s", args, err, out)
			}
		}
		if err := attach(end.ns, "eth0", end.address); err != nil {
			return err
		}
	}
	p.program = p.server.Command(context.Background(), w.process)
	if k.cpus != "" {
		p.program.Env = append(os.Environ(), "GOMAXPROCS="+k.cpus)
	}
	return nil
}

// prepareGuest makes the TAP and the command.
func (p *webPeer) prepareGuest(w *webPrograms, k webKind) error {
	if err := p.client.IP("tuntap", "add", "dev", "tap0", "mode", "tap"); err != nil {
		return err
	}
	if err := attach(p.client, "tap0", webClient); err != nil {
		return err
	}
	words := append([]string{w.tender, "--net=tap0"}, k.tender...)
	p.program = p.client.Command(context.Background(), append(words, w.image, "--ipv4="+webServer+"/24")...)
	return nil
}

func attach(ns *rig.Namespace, device, address string) error {
	return errors.Join(ns.IP("addr", "add", address+"/24", "dev", device), ns.IP("link", "set", device, "up"))
}

// await waits for the last port that the server opens.
func (p *webPeer) await(ctx context.Context) error {
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		out, err := p.client.Run(ctx, 5*time.Second, "ncat", "--send-only", "-w", "1", webServer, "7002")
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("the server takes no connections: %w: %s", err, out)
		}
	}
}

// Close ends the server and removes everything.
func (p *webPeer) Close() error {
	if p.program != nil && p.program.Process != nil {
		p.program.Process.Kill()
		p.program.Wait()
	}
	var errs []error
	for _, ns := range []*rig.Namespace{p.client, p.server} {
		if ns != nil {
			errs = append(errs, ns.Close())
		}
	}
	return errors.Join(errs...)
}
