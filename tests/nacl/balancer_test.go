package nacl

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// balancer shares connections between three web servers.
const balancer = `
Iface outside { index: 0, address: 10.0.0.2, netmask: 255.255.255.0 }
Iface inside { index: 1, address: 192.168.0.1, netmask: 255.255.255.0 }
Load_balancer web {
	layer: tcp,
	clients: { iface: outside, port: 80 },
	servers: { iface: inside, algorithm: round_robin, pool: [
		{ address: 192.168.0.11, port: 80 }, { address: 192.168.0.12, port: 80 }, { address: 192.168.0.13, port: 8080 } ] }
}
`

// balancer6 is the same over IPv6.
const balancer6 = `
Iface outside { index: 0, address6: 2001:db8::2/64 }
Iface inside { index: 1, address6: 2001:db8:1::1/64 }
Load_balancer web {
	layer: tcp6,
	clients: { iface: outside, port: 80 },
	servers: { iface: inside, algorithm: round_robin, pool: [
		{ address: 2001:db8:1::11, port: 80 }, { address: 2001:db8:1::12, port: 80 }, { address: 2001:db8:1::13, port: 8080 } ] }
}
`

func TestBalancer(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		s := newSite(t, options, balancer, "outside", "inside")
		s.hosts["outside"].address("10.0.0.1/24")
		newPool(s, "10.0.0.2:80", "192.168.0.%d", 24).test()
	}, "curl")
}

func TestBalancer6(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		s := newSite(t, options, balancer6, "outside", "inside")
		s.hosts["outside"].address("2001:db8::1/64")
		newPool(s, "[2001:db8::2]:80", "2001:db8:1::%d", 64).test()
	}, "curl")
}

// pool is a balancer with its servers.
type pool struct {
	s       *site
	at      string // where clients connect to
	client  *host
	members []*member
}

// member is one of the servers, which answers with the name of its host. It is
// on a port of the inside's bridge.
type member struct {
	*web
	h             *host
	port, address string
}

// newPool starts servers 11 to 13 of a network.
func newPool(s *site, at, network string, bits int) *pool {
	s.t.Helper()
	p := &pool{s: s, at: at, client: s.hosts["outside"]}
	inside := s.hosts["inside"]
	s.must(inside.IP("link", "add", "bridge", "type", "bridge"))
	s.must(inside.IP("link", "set", "bridge", "up"))
	s.must(inside.IP("link", "set", inside.device, "master", "bridge"))
	for i, port := range []string{"80", "80", "8080"} {
		name, address := fmt.Sprintf("web%d", i+1), fmt.Sprintf(network, 11+i)
		m := &member{h: &host{s.namespace(name), s, "eth0"}, port: name, address: net.JoinHostPort(address, port)}
		s.must(inside.IP("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", m.h.Name))
		s.must(inside.IP("link", "set", name, "master", "bridge", "up"))
		s.must(m.h.IP("link", "set", "eth0", "up"))
		m.h.address(fmt.Sprintf("%s/%d", address, bits))
		m.start()
		p.members = append(p.members, m)
	}
	return p
}

func (m *member) start() { m.web = m.h.web(m.address, m.port) }

// fetch is who answers a client, or why nobody does.
func (p *pool) fetch(limit time.Duration) string {
	out, _ := p.client.Run(p.s.ctx, limit+time.Second, "curl", "-sS", "--max-time", fmt.Sprint(limit.Seconds()), "http://"+p.at+"/")
	name, _, _ := strings.Cut(out, " for ")
	return name
}

// takeTurns waits until the servers of these names answer in turns, and nobody
// else does.
func (p *pool) takeTurns(names ...string) {
	p.s.t.Helper()
	var last []string
	defer func() {
		if p.s.t.Failed() {
			p.s.t.Logf("want turns of %v, the last answers were %q", names, last)
		}
	}()
	p.s.eventually(30*time.Second, "turns of "+strings.Join(names, " "), func() bool {
		last = nil
		for i := range 3 * len(names) {
			name := p.fetch(2 * time.Second)
			last = append(last, name)
			if !slices.Contains(names, name) || i >= len(names) && name != last[i-len(names)] || i < len(names) && slices.Contains(last[:i], name) {
				return false
			}
		}
		return true
	})
}

// session is a connection on which a server talks without end.
type session struct {
	lines atomic.Int64
	ended atomic.Bool
}

// sessions opens one with each server, by its name.
func (p *pool) sessions() map[string]*session {
	p.s.t.Helper()
	all := map[string]*session{}
	for range 10 * len(p.members) {
		if len(all) == len(p.members) {
			return all
		}
		conn := p.client.dial("tcp", p.at)
		_, err := io.WriteString(conn, "GET /slow HTTP/1.0\r\n\r\n")
		p.s.must(err)
		lines := bufio.NewScanner(conn)
		for lines.Scan() && lines.Text() != "" {
		}
		lines.Scan()
		name := lines.Text()
		if all[name] != nil {
			conn.Close()
			continue
		}
		c := &session{}
		all[name] = c
		go func() {
			for lines.Scan() {
				c.lines.Add(1)
			}
			c.ended.Store(true)
		}()
	}
	p.s.t.Fatalf("there are sessions with %d servers only", len(all))
	return nil
}

// live checks that sessions go on.
func (p *pool) live(all map[string]*session, names ...string) {
	p.s.t.Helper()
	for _, name := range names {
		before := all[name].lines.Load()
		p.s.eventually(time.Minute, "the session with "+name+" goes on", func() bool { return all[name].lines.Load() >= before+3 })
		if all[name].ended.Load() {
			p.s.t.Errorf("the session with %s has ended", name)
		}
	}
}

func (p *pool) test() {
	p.s.t.Helper()
	inside := p.s.hosts["inside"]
	p.takeTurns("web1", "web2", "web3")
	all := p.sessions()
	p.live(all, "web1", "web2", "web3")

	// A server that ends refuses.
	p.members[1].kill()
	p.takeTurns("web1", "web3")
	p.s.eventually(5*time.Second, "the session with web2 ends", func() bool { return all["web2"].ended.Load() })
	p.live(all, "web1", "web3")
	p.members[1].start()
	p.takeTurns("web1", "web2", "web3")

	// One whose cable is pulled is silent; its sessions may go on afterwards.
	p.s.must(inside.IP("link", "set", p.members[2].port, "down"))
	p.takeTurns("web1", "web2")
	p.live(all, "web1")
	p.s.must(inside.IP("link", "set", p.members[2].port, "up"))
	p.takeTurns("web1", "web2", "web3")
	p.live(all, "web1", "web3")

	// With nobody there, clients wait.
	for _, m := range p.members {
		m.kill()
	}
	p.s.eventually(20*time.Second, "clients wait", func() bool { return strings.Contains(p.fetch(time.Second), "(28)") })
	answer := make(chan string)
	go func() { answer <- p.fetch(20 * time.Second) }()
	time.Sleep(500 * time.Millisecond)
	p.members[0].start()
	if name := <-answer; name != "web1" {
		p.s.t.Errorf("a client that has waited for a server got %q", name)
	}
}
