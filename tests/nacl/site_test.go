package nacl

import (
	"context"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// site is a running appliance with a host at each of its devices.
type site struct {
	t       testing.TB
	ctx     context.Context
	hub     *rig.Namespace // where the tender is
	hosts   map[string]*host
	console *rig.Console
}

// host is a network namespace with an interface of the name given.
type host struct {
	*rig.Namespace
	s      *site
	device string
}

// newSite runs a program with a TAP for each of its devices, and a host without
// addresses at each of them. All is gone when the test ends.
func newSite(t testing.TB, options []string, program string, devices ...string) *site {
	t.Helper()
	s := &site{t: t, ctx: t.Context(), hosts: map[string]*host{}, console: &rig.Console{}}
	image := imageOf(t, program)
	s.hub = s.namespace("hub")
	words := append([]string{suite.Tender.Of(t), "--mem=64"}, options...)
	for _, d := range devices {
		s.hosts[d] = &host{s.namespace(d), s, d}
		s.must(s.hub.IP("tuntap", "add", "dev", d, "mode", "tap"))
		s.must(s.hub.IP("link", "set", d, "up"))
		words = append(words, "--net:"+d+"="+d)
	}
	cmd := s.hub.Command(context.Background(), append(words, image)...)
	cmd.Stdout, cmd.Stderr = s.console, s.console
	s.launch(cmd)
	s.must(s.console.Await(s.ctx, ": mac "))
	for d, h := range s.hosts {
		s.must(s.hub.IP("link", "set", d, "netns", h.Name))
		s.must(h.IP("link", "set", d, "up"))
	}
	return s
}

// namespace makes one that goes when the test ends.
func (s *site) namespace(role string) *rig.Namespace {
	s.t.Helper()
	n, err := rig.NewNamespace(role)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := n.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return n
}

// launch starts the tender, which must work until the test ends.
func (s *site) launch(cmd *exec.Cmd) {
	s.t.Helper()
	s.must(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	s.t.Cleanup(func() {
		select {
		case err := <-ended:
			s.t.Errorf("the tender has ended: %v", err)
		default:
			cmd.Process.Kill()
			<-ended
		}
		if s.t.Failed() {
			s.t.Logf("the appliance's last lines:\n%s", s.console.Tail())
		}
	})
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// mac is the appliance's address on an Iface, which it prints at its start.
func (s *site) mac(iface string) wire.MAC {
	s.t.Helper()
	m := regexp.MustCompile("(?m)^" + iface + ": mac ([0-9a-f:]+)").FindStringSubmatch(s.console.String())
	if m == nil {
		s.t.Fatalf("the appliance did not print its address on %s:\n%s", iface, s.console)
	}
	mac, err := net.ParseMAC(m[1])
	s.must(err)
	return wire.MAC(mac)
}

// eventually waits for a condition.
func (s *site) eventually(limit time.Duration, what string, condition func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(limit); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not within %v: %s", limit, what)
		}
	}
}

// address gives the host addresses on its device.
func (h *host) address(prefixes ...string) *host {
	h.s.t.Helper()
	for _, p := range prefixes {
		h.addressOn(h.device, p)
	}
	return h
}

func (h *host) addressOn(device, prefix string) {
	h.s.t.Helper()
	words := []string{"addr", "add", prefix, "dev", device}
	if strings.Contains(prefix, ":") {
		words = append(words, "nodad")
	}
	h.s.must(h.IP(words...))
}

// route adds a route, such as "default" via a router.
func (h *host) route(to, via string) *host {
	h.s.t.Helper()
	h.s.must(h.IP("route", "add", to, "via", via))
	return h
}

// start starts a server and waits until it listens.
func (h *host) start(network, port string, words ...string) {
	h.s.t.Helper()
	_, err := h.Start(words...)
	h.s.must(err)
	h.s.must(h.AwaitPort(h.s.ctx, network, port))
}

// dial connects a socket of this process, which goes when the test ends.
func (h *host) dial(network, address string) net.Conn {
	h.s.t.Helper()
	return h.dialFrom(nil, network, address)
}

// dialFrom is dial from an address of the host.
func (h *host) dialFrom(local net.Addr, network, address string) net.Conn {
	h.s.t.Helper()
	var conn net.Conn
	h.s.must(h.Do(func() (err error) {
		conn, err = (&net.Dialer{LocalAddr: local, Timeout: 5 * time.Second}).DialContext(h.s.ctx, network, address)
		return err
	}))
	h.s.t.Cleanup(func() { conn.Close() })
	return conn
}

// client runs a command that must print all of the texts.
func (h *host) client(texts []string, words ...string) string {
	h.s.t.Helper()
	out, err := h.Run(h.s.ctx, 60*time.Second, words...)
	for _, text := range texts {
		if !strings.Contains(out, text) {
			h.s.t.Errorf("%s: %v; want %q in:\n%s", strings.Join(words, " "), err, text, out)
		}
	}
	return out
}

// ping sends three pings, one after the other, that must all be answered. Each is
// a command of its own, as one that sends several does not wait for late answers.
func (h *host) ping(target string) {
	h.s.t.Helper()
	for range 3 {
		h.client([]string{" 1 received"}, "ping", "-n", "-c", "1", "-W", "3", target)
	}
}

// noPing sends a ping that must not be answered, and returns what it printed.
func (h *host) noPing(target string, options ...string) string {
	h.s.t.Helper()
	words := append([]string{"ping", "-n", "-c", "1", "-W", "1"}, options...)
	return h.client([]string{" 0 received"}, append(words, target)...)
}

// curl fetches a URL, which must have the text.
func (h *host) curl(url, text string) {
	h.s.t.Helper()
	h.client([]string{text}, "curl", "-sS", "--max-time", "10", url)
}

// noCurl must not get a connection, and be left without an answer.
func (h *host) noCurl(url string) {
	h.s.t.Helper()
	h.client([]string{"(28)"}, "curl", "-sS", "--max-time", "1", url)
}
