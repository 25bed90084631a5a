package programs

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// Addresses of the client and of the program, on one network.
const (
	clientIPv4 = "10.0.0.1"
	clientIPv6 = "fd00::1"
	serverIPv4 = "10.0.0.2"
	serverIPv6 = "fd00::2"
)

// Time limits of what a test does.
const (
	startLimit   = 30 * time.Second
	commandLimit = 60 * time.Second
)

// host is where the clients are: a namespace with one interface, at whose
// other end the program runs.
type host struct {
	t       testing.TB
	client  *rig.Namespace
	console *rig.Console // what the program prints
	program *exec.Cmd
	ended   chan struct{} // is closed when the program has ended
}

// start runs an appliance; srv in the arguments stands for its folder. It
// waits until the program answers on a TCP port.
func start(t testing.TB, k kind, a *appliance, port string, args ...string) *host {
	t.Helper()
	client, err := rig.NewNamespace("client")
	must(t, err)
	h := &host{t: t, client: client, console: &rig.Console{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the program's last lines:\n%s", h.console.Tail())
		}
		must(t, h.client.Close())
	})
	if k == asProcess {
		h.startProcess(a, args)
	} else {
		h.startGuest(k, a, args)
	}
	t.Cleanup(func() {
		h.program.Process.Kill()
		<-h.ended
	})
	h.awaitPort(port)
	return h
}

// startProcess runs the program in a namespace of its own, at the other end of
// a pair of veth.
func (h *host) startProcess(a *appliance, args []string) {
	h.t.Helper()
	server, err := rig.NewNamespace("server")
	must(h.t, err)
	h.t.Cleanup(func() { must(h.t, server.Close()) })
	must(h.t, server.IP("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", h.client.Name))
	must(h.t, address(h.client, "eth0", clientIPv4, clientIPv6))
	must(h.t, address(server, "eth0", serverIPv4, serverIPv6))
	folder := h.t.TempDir() // of its own, as it may write
	must(h.t, os.CopyFS(folder, os.DirFS(filepath.Join(a.folder.Of(h.t), "srv"))))
	h.run(server, append([]string{a.process.Of(h.t)}, replaced(args, folder)...))
}

// startGuest runs the image behind a TAP of the client's host.
func (h *host) startGuest(k kind, a *appliance, args []string) {
	h.t.Helper()
	must(h.t, h.client.IP("tuntap", "add", "dev", "tap0", "mode", "tap"))
	must(h.t, address(h.client, "tap0", clientIPv4, clientIPv6))
	words := []string{suite.Tender.Of(h.t), "--net=tap0"}
	if k == asSPT {
		words = append(words, "--spt")
	}
	words = append(words, a.image.Of(h.t),
		"--ipv4="+serverIPv4+"/24", "--ipv4-gateway="+clientIPv4,
		"--ipv6="+serverIPv6+"/64", "--ipv6-gateway="+clientIPv6, "--")
	h.run(h.client, append(words, replaced(args, "/srv")...))
}

// address configures one end of the link.
func address(ns *rig.Namespace, dev, ipv4, ipv6 string) error {
	return errors.Join(
		ns.IP("addr", "add", ipv4+"/24", "dev", dev),
		ns.IP("addr", "add", ipv6+"/64", "dev", dev, "nodad"),
		ns.IP("link", "set", dev, "up"),
	)
}

// replaced puts the folder in the place of {srv}.
func replaced(args []string, folder string) []string {
	out := make([]string, len(args))
	for i, arg := range args {
		out[i] = strings.ReplaceAll(arg, "{srv}", folder)
	}
	return out
}

func (h *host) run(ns *rig.Namespace, words []string) {
	h.t.Helper()
	h.program = ns.Command(context.Background(), words...)
	h.program.Stdout, h.program.Stderr = h.console, h.console
	must(h.t, h.program.Start())
	h.ended = make(chan struct{})
	go func() {
		h.program.Wait() // the status is what counts
		close(h.ended)
	}()
}

// awaitPort waits until the program takes connections.
func (h *host) awaitPort(port string) {
	h.t.Helper()
	deadline := time.Now().Add(startLimit)
	for {
		c, err := h.dial(h.t.Context(), "tcp", net.JoinHostPort(serverIPv4, port))
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the program does not take connections on port %s: %v", port, err)
		}
		select {
		case <-h.ended:
			h.t.Fatalf("the program has ended: %v", h.program.ProcessState)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// dial connects from the client's host; the address is a literal one.
func (h *host) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	err = h.client.Do(func() error {
		d := net.Dialer{Timeout: 10 * time.Second}
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// with is the host for a subtest.
func (h *host) with(t testing.TB) *host {
	sub := *h
	sub.t = t
	return &sub
}

// output runs a client that has to succeed, and returns what it writes.
func (h *host) output(args ...string) string {
	h.t.Helper()
	out, err := h.client.Run(h.t.Context(), commandLimit, args...)
	if err != nil {
		h.t.Fatalf("%s: %v:\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// mustPrint runs a client that has to succeed and to print the texts.
func (h *host) mustPrint(texts []string, args ...string) string {
	h.t.Helper()
	out := h.output(args...)
	h.mustHave(out, texts, args...)
	return out
}

// mustHave wants the texts in what a client has printed.
func (h *host) mustHave(out string, texts []string, args ...string) {
	h.t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			h.t.Errorf("%s: %q is not in the output:\n%s", strings.Join(args, " "), text, out)
		}
	}
}

// terminate asks the program to stop, as an operator does.
func (h *host) terminate() {
	h.t.Helper()
	must(h.t, h.program.Process.Signal(syscall.SIGTERM))
}

// mustEnd waits for the program's end, and wants a status.
func (h *host) mustEnd(limit time.Duration, status int) {
	h.t.Helper()
	select {
	case <-h.ended:
	case <-time.After(limit):
		h.t.Fatalf("the program has not ended within %v", limit)
	}
	if got := h.program.ProcessState.ExitCode(); got != status {
		h.t.Errorf("the program ended with %v, want status %d", h.program.ProcessState, status)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
