package engine

import (
	"fmt"
	"io"
	"testing"
	"time"

	"tender/guest/net/balance"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// TestLinuxOffloads lets real hosts talk with offloads on both cables or on
// one: their kernels leave checksums and segments to the engine, and take the
// same from it.
func TestLinuxOffloads(t *testing.T) {
	for _, offloads := range [][2]bool{{true, true}, {true, false}, {false, true}} {
		t.Run(fmt.Sprintf("client=%v server=%v", offloads[0], offloads[1]), func(t *testing.T) {
			t.Parallel() // most of it is waiting for what must not come
			c := cables{offloads: offloads}.lay(t)
			t.Run("tcp", func(t *testing.T) { c.transfer(t, 3, 4<<20) })
			t.Run("udp", func(t *testing.T) { c.testUDP(t) })
			if offloads[0] && offloads[1] {
				t.Run("ping", func(t *testing.T) { c.testPing(t) })
			}
			c.finish()
			c.checkLarge(t)
		})
	}
}

// checkLarge looks for the large frames there must have been, and for frames
// that were dropped and should not have been.
func (c *cable) checkLarge(t *testing.T) {
	t.Helper()
	for i, p := range c.ports {
		n := c.Counters(i)
		t.Logf("interface %d: %d frames forwarded to %d; %d large frames came in, %d went out", i, n.Fates[Forwarded], n.TxForwarded, p.read, p.written)
		if p.offloads && p.read == 0 || p.offloads && c.ports[1-i].offloads && p.written == 0 {
			t.Errorf("interface %d: %d large frames came in, %d went out", i, p.read, p.written)
		}
		for _, f := range []Fate{DropOffload, DropInvalid, DropTransport, DropTransportChecksum, DropFrameLong, DropIPLength, DropPort} {
			if n.Fates[f] != 0 {
				t.Errorf("interface %d: %d frames dropped as %v", i, n.Fates[f], f)
			}
		}
	}
}

// TestLinuxOffloadLosses loses large frames.
func TestLinuxOffloadLosses(t *testing.T) {
	c := cables{lost: 0.01, offloads: [2]bool{true, true}}.lay(t)
	c.transfer(t, 3, 2<<20)
	c.finish()
	c.checkLarge(t)
}

// TestLinuxOffloadNAT translates large frames of both families.
func TestLinuxOffloadNAT(t *testing.T) {
	c := cables{offloads: [2]bool{true, true}}.lay(t, masquerading, func(c *Config) {
		ipv6(c)
		c.Routes6 = nil
		c.Forward = acceptAll
		c.Interfaces[outside].Prerouting = func(p *packet.Packet) packet.Verdict {
			if p.TCP == nil || p.Tuple.DstPort != 8080 {
				return packet.Accept
			}
			if p.IP6 != nil {
				return p.DNAT(server6, 80)
			}
			return p.DNAT(wire.From4(server.ip), 80)
		}
	})
	c.client.address6(t, "2001:db8:1::9/64", "2001:db8:1::1")
	c.server.address6(t, "2001:db8:2::20/64", "2001:db8:2::1")
	c.client.listen(t, "10.0.0.1:9000", "client")
	c.server.listen(t, "192.168.0.20:80", "server")
	c.server.listen(t, "[2001:db8:2::20]:80", "server")
	for _, a := range []struct {
		from       *station
		addr, want string
	}{
		{c.server, "10.0.0.1:9000", "client 10.0.0.2"},
		{c.client, "10.0.0.2:8080", "server 10.0.0.1"},
		{c.client, "[2001:db8:2::20]:80", "server 2001:db8:1::9"},
		{c.client, "[2001:db8:1::1]:8080", "server 2001:db8:1::9"},
	} {
		if line, err := c.ask(a.from, a.addr, 4<<20); err != nil || line != a.want {
			t.Errorf("%s: %q, %v", a.addr, line, err)
		}
	}
	c.finish()
	c.checkLarge(t)
}

// TestLinuxOffloadPathMTU has a client send large frames of segments that
// are too long for the server's cable, and believe what it is told about them.
func TestLinuxOffloadPathMTU(t *testing.T) {
	c := cables{offloads: [2]bool{true, true}, serverMTU: 1500}.lay(t, func(c *Config) { ipv6(c); c.Routes6 = nil; c.Forward = acceptAll })
	c.client.address6(t, "2001:db8:1::9/64", "2001:db8:1::1")
	c.server.address6(t, "2001:db8:2::20/64", "2001:db8:2::1")
	for _, addr := range []string{"192.168.0.20:80", "[2001:db8:2::20]:80"} {
		done := c.server.count(t, addr)
		conn, err := c.dial("tcp", addr, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := conn.Write(make([]byte, 4<<20)); err != nil {
			t.Error(err)
		}
		conn.Close()
		if n := <-done; n != 4<<20 {
			t.Errorf("%s: %d bytes came", addr, n)
		}
	}
	c.finish()
	if c.Counters(outside).Fates[DropTooBig] == 0 || c.ports[inside].written == 0 {
		t.Errorf("%d frames were too big, and %d large frames went out", c.Counters(outside).Fates[DropTooBig], c.ports[inside].written)
	}
}

// count takes one connection, and tells how many bytes came.
func (s *station) count(t *testing.T, addr string) <-chan int64 {
	t.Helper()
	l := s.bind(t, addr)
	done := make(chan int64, 1)
	go func() {
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			done <- -1
			return
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		n, _ := io.Copy(io.Discard, conn)
		done <- n
	}()
	return done
}

// TestLinuxOffloadBalancer shares connections whose segments are large.
func TestLinuxOffloadBalancer(t *testing.T) {
	b, err := balance.New(balance.Config{
		Iface: outside, Port: 80, Interval: 200 * time.Millisecond, Timeout: 100 * time.Millisecond, SessionLimit: 1, WaitLimit: 10,
		Servers: []balance.Server{{Addr: wire.From4(server.ip), Port: 8001}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := cables{offloads: [2]bool{true, true}}.lay(t, func(c *Config) { c.Balancers = []*balance.Balancer{b}; c.Forward = nil })
	c.server.listen(t, "192.168.0.20:8001", "one")
	lines := make(chan string)
	for range 3 { // of which two wait
		go func() {
			line, err := c.ask(c.client, "10.0.0.2:80", 4<<20)
			lines <- fmt.Sprint(line, " ", err)
		}()
	}
	for range 3 {
		if line := <-lines; line != "one 192.168.0.1 <nil>" {
			t.Error(line)
		}
	}
	c.finish()
	c.checkLarge(t)
	if b.Counters().Waited == 0 {
		t.Error("none has waited")
	}
}
