package reliability

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// TestLink pulls the cable during transfers, and puts it back.
func TestLink(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		g := newGuest(t)
		g.runOnTAP(options, static...)
		g.mustServe(startLimit)
		before := g.warm()
		stop, pulled := make(chan struct{}), make(chan error, 1)
		go func() { pulled <- g.pull(stop) }()
		for range much(1, 50) {
			g.exchange(32<<20, 10)
		}
		close(stop)
		must(t, <-pulled)
		g.mustServe(startLimit)
		g.mustRest(before, slackBytes)
	})
}

// pull takes the cable out for a third of the time, and leaves it in at the end.
func (g *guest) pull(stop <-chan struct{}) error {
	for down := true; ; down = !down {
		state, d := "up", 600*time.Millisecond
		if down {
			state, d = "down", d/2
		}
		if err := g.client.IP("link", "set", tapName, state); err != nil {
			return err
		}
		select {
		case <-stop:
			return g.client.IP("link", "set", tapName, "up")
		case <-time.After(d):
		}
	}
}

// TestAddress has a DHCP server give the guest another address, in another
// network, while it serves. The guest asks for more time each few seconds.
func TestAddress(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		suite.NeedTools(t, "dnsmasq")
		g := newGuest(t)
		server := g.serveDHCP("10.9.0")
		g.runOnTAP(options, "--dhcp")
		must(t, g.console.Await(t.Context(), "10.9.0.50/24 gateway 10.9.0.1"))
		g.address = "10.9.0.50"
		g.mustServe(startLimit)
		before := g.warm()
		for i := range much(1, 10) {
			network := fmt.Sprintf("10.9.%d", i+1)
			must(t, server.Process.Kill())
			server.Wait()
			must(t, g.client.IP("addr", "add", network+".1/24", "dev", tapName))
			old := g.address
			server = g.serveDHCP(network)
			must(t, g.console.Await(t.Context(), network+".50/24 gateway "+network+".1"))
			g.address = network + ".50"
			g.mustServe(10 * time.Second)
			g.exchange(1<<20, 10)
			if c, err := g.dial(shortly(t), "tcp", old+":80"); err == nil {
				c.Close()
				t.Errorf("the guest still serves on %s", old)
			}
		}
		g.mustRest(before, slackBytes)
	})
}

// shortly is a context for what is not to succeed.
func shortly(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}

// serveDHCP starts a server that gives one address of a network, for two minutes,
// of which the client shall ask for more after three seconds.
func (g *guest) serveDHCP(network string) *exec.Cmd {
	g.t.Helper()
	server := g.client.Command(context.Background(), "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root", "--port=0",
		"--interface="+tapName, "--bind-interfaces", "--dhcp-authoritative", "--no-ping", "--log-facility=-", "--log-dhcp",
		"--dhcp-leasefile="+filepath.Join(g.t.TempDir(), "leases"),
		"--dhcp-range="+network+".50,"+network+".50,2m", "--dhcp-option=option:router,"+network+".1", "--dhcp-option-force=option:T1,3", "--dhcp-option-force=option:T2,60")
	var said strings.Builder
	server.Stdout, server.Stderr = &said, &said
	must(g.t, server.Start())
	g.t.Cleanup(func() {
		if server.ProcessState == nil {
			server.Process.Kill()
			server.Wait()
		}
		if g.t.Failed() {
			g.t.Logf("the DHCP server said:\n%s", said.String())
		}
	})
	return server
}
