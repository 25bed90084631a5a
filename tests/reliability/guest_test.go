package reliability

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// Addresses of the client and of the guest.
const (
	clientIPv4 = "10.9.0.1"
	clientIPv6 = "fd09::1"
	guestIPv4  = "10.9.0.2"
	guestIPv6  = "fd09::2"
	tapName    = "tap0"
)

// startLimit is for a guest on a busy machine.
const startLimit = 30 * time.Second

// guest is a running guest, and the client's host.
type guest struct {
	t       testing.TB
	client  *rig.Namespace
	relay   *relay // nil if the guest is on the TAP itself
	console *rig.Console
	tender  *exec.Cmd
	ended   chan struct{} // closed when the tender has ended
	address string
	http    *http.Client
}

// static are the guest's arguments about its network, unless DHCP is to give it
// an address.
var static = []string{"--ipv4=" + guestIPv4 + "/24", "--ipv4-gateway=" + clientIPv4, "--ipv6=" + guestIPv6 + "/64", "--ipv6-gateway=" + clientIPv6}

// startRelayed starts a guest behind a relay and waits until it serves.
func startRelayed(t testing.TB, options []string) *guest {
	t.Helper()
	g := newGuest(t)
	var line *os.File
	var err error
	g.relay, line, err = newRelay(g.client, tapName, *seed)
	must(t, err)
	t.Cleanup(func() { must(t, g.relay.close()) })
	g.run(append(options, "--net=@3"), static, line)
	line.Close()
	g.mustServe(startLimit)
	return g
}

// runOnTAP starts a guest on a TAP itself.
func (g *guest) runOnTAP(options []string, network ...string) {
	g.t.Helper()
	g.run(append(options, "--net="+tapName), network)
}

// newGuest makes the client's host.
func newGuest(t testing.TB) *guest {
	t.Helper()
	client, err := rig.NewNamespace("client")
	must(t, err)
	g := &guest{t: t, client: client, console: &rig.Console{}, address: guestIPv4}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the guest's last lines:\n%s", g.console.Tail())
		}
		must(t, g.client.Close())
	})
	must(t, errors.Join(
		client.IP("tuntap", "add", "dev", tapName, "mode", "tap"),
		client.IP("addr", "add", clientIPv4+"/24", "dev", tapName),
		client.IP("addr", "add", clientIPv6+"/64", "dev", tapName, "nodad"),
		client.IP("link", "set", tapName, "up"),
	))
	g.http = &http.Client{
		Timeout:   time.Duration(much(60, 600)) * time.Second,
		Transport: &http.Transport{DialContext: g.dial, DisableKeepAlives: true},
	}
	return g
}

// run starts the tender.
func (g *guest) run(options, network []string, files ...*os.File) {
	g.t.Helper()
	words := append([]string{suite.Tender.Of(g.t), "--mem=128"}, options...)
	words = append(append(append(words, web.Of(g.t)), network...), "--", "--pprof")
	g.tender = g.client.Command(context.Background(), words...)
	g.tender.Stdout, g.tender.Stderr, g.tender.ExtraFiles = g.console, g.console, files
	must(g.t, g.tender.Start())
	g.ended = make(chan struct{})
	go func() {
		g.tender.Wait() // that it ends is what counts
		close(g.ended)
	}()
	g.t.Cleanup(func() {
		g.tender.Process.Kill()
		<-g.ended
	})
}

// dial connects to the guest from the client's host. While that has no route, it
// waits: the cable is out.
func (g *guest) dial(ctx context.Context, network, address string) (c net.Conn, err error) {
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		err = g.client.Do(func() error {
			d := net.Dialer{Timeout: 20 * time.Second}
			c, err = d.DialContext(ctx, network, address)
			return err
		})
		if !errors.Is(err, unix.ENETUNREACH) || time.Now().After(deadline) {
			return c, err
		}
	}
}

// mustServe waits until a request is answered.
func (g *guest) mustServe(limit time.Duration) {
	g.t.Helper()
	for deadline := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), limit/3)
		err := g.hello(ctx)
		cancel()
		if err == nil {
			return
		}
		select {
		case <-g.ended:
			g.t.Fatalf("the guest has ended: %v", g.tender.ProcessState)
		default:
		}
		if time.Now().After(deadline) {
			g.t.Fatalf("the guest does not serve: %v", err)
		}
	}
}

// hello has one request answered, over a connection of its own.
func (g *guest) hello(ctx context.Context) error {
	answer, err := g.ask(ctx, http.MethodGet, "/hello", nil)
	if err == nil && answer != "Hello over HTTP/1.1\n" {
		err = fmt.Errorf("the answer is %q", answer)
	}
	return err
}

// ask sends a request and returns the answer's body.
func (g *guest) ask(ctx context.Context, method, path string, body io.Reader) (string, error) {
	var answer strings.Builder
	err := g.transfer(ctx, method, path, body, &answer)
	return answer.String(), err
}

// transfer sends a request and stores the answer's body.
func (g *guest) transfer(ctx context.Context, method, path string, body io.Reader, to io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+g.address+path, body)
	if err != nil {
		return err
	}
	answer, err := g.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, answer.Status)
	}
	_, err = io.Copy(to, answer.Body)
	return err
}

// download returns the hash of so many bytes from the guest.
func (g *guest) download(ctx context.Context, bytes int) (string, error) {
	hash := sha256.New()
	err := g.transfer(ctx, http.MethodGet, fmt.Sprintf("/bytes/%d", bytes), nil, hash)
	return fmt.Sprintf("%x", hash.Sum(nil)), err
}

// upload sends bytes and wants the guest to have got those.
func (g *guest) upload(ctx context.Context, content []byte) error {
	got, err := g.ask(ctx, http.MethodPut, "/sum", strings.NewReader(string(content)))
	if want := fmt.Sprintf("%d %x\n", len(content), sha256.Sum256(content)); err == nil && got != want {
		err = fmt.Errorf("the guest received %q, want %q", got, want)
	}
	return err
}
