package engine

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLinuxHosts lets two real IP stacks talk through the engine.
func TestLinuxHosts(t *testing.T) {
	c := newCable(t, 0)
	t.Run("ping", func(t *testing.T) { c.testPing(t) })
	t.Run("tcp", func(t *testing.T) { c.testTCP(t) })
	t.Run("udp", func(t *testing.T) { c.testUDP(t) })
	c.finish()
	for i := range 2 {
		n := c.Counters(i)
		// Linux says more than we asked for: IPv6 and multicast. Nothing
		// else but what the tests provoke may be dropped.
		for f := FirstDrop; f < Fates; f++ {
			switch f {
			case DropEtherType, DropBroadcast, DropForward, DropTTL, DropTooBig, DropNeighbour:
			default:
				if n.Fates[f] != 0 {
					t.Errorf("interface %d: %d frames dropped as %v", i, n.Fates[f], f)
				}
			}
		}
	}
}

func (c *cable) testPing(t *testing.T) {
	if _, err := exec.LookPath("ping"); err != nil {
		t.Skipf("needs ping: %v", err)
	}
	for _, p := range []struct {
		name string
		from *station
		args string
		ok   bool
		want string
	}{
		{"through", c.client, "-c 3 -i 0.1 192.168.0.20", true, " 3 received"},
		{"back", c.server, "-c 2 -i 0.1 10.0.0.1", true, " 2 received"},
		{"the firewall", c.client, "-c 2 -i 0.1 10.0.0.2", true, " 2 received"},
		{"its other side", c.client, "-c 2 -i 0.1 192.168.0.1", true, " 2 received"},
		{"fragments", c.client, "-c 2 -i 0.1 -s 4000 192.168.0.20", true, " 2 received"},
		{"TTL", c.client, "-c 1 -t 1 -W 2 192.168.0.20", false, "Time to live exceeded"},
		{"DF", c.client, "-c 1 -M do -s 1450 -W 2 192.168.0.20", false, "mtu = 1400"},
		{"absent host", c.client, "-c 1 -W 6 192.168.0.99", false, "Destination Host Unreachable"},
	} {
		text, err := p.from.run("ping", append([]string{"-n"}, strings.Fields(p.args)...)...)
		if (err == nil) != p.ok || !strings.Contains(text, p.want) {
			t.Errorf("%s: ping %s: %v, %q is not in\n%s", p.name, p.args, err, p.want, text)
		}
	}
}

// TestLinuxLosses moves data over cables that lose frames: connection tracking
// has to take retransmissions, gaps and selective acknowledgements for what
// they are.
func TestLinuxLosses(t *testing.T) {
	c := newCable(t, 0.01)
	c.transfer(t, 3, 1<<20)
	c.finish()
	for i := range 2 {
		if n := c.Counters(i); n.Fates[DropInvalid] != 0 || n.Fates[Forwarded] == 0 {
			t.Errorf("interface %d: %d frames forwarded, %d invalid", i, n.Fates[Forwarded], n.Fates[DropInvalid])
		}
	}
}

// transfer has the server send back what the client sends, at the same time,
// on one connection after the other.
func (c *cable) transfer(t *testing.T, connections int, size int64) {
	l := c.listen(t, "192.168.0.20:80")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				io.Copy(conn, conn)
			}()
		}
	}()
	for i := range connections {
		conn, err := c.dial("tcp4", "192.168.0.20:80", 10*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		conn.SetDeadline(time.Now().Add(30 * time.Second))
		sent := sha256.New()
		go func() {
			io.Copy(io.MultiWriter(conn, sent), io.LimitReader(rand.NewChaCha8([32]byte{byte(i)}), size))
			conn.(*net.TCPConn).CloseWrite()
		}()
		got := sha256.New()
		n, err := io.Copy(got, conn)
		conn.Close()
		if err != nil || n != size || string(got.Sum(nil)) != string(sent.Sum(nil)) {
			t.Errorf("connection %d: %d of %d bytes came back, error %v", i, n, size, err)
		}
	}
}

func (c *cable) testTCP(t *testing.T) {
	c.transfer(t, 5, 4<<20)
	start := time.Now()
	if _, err := c.dial("tcp4", "192.168.0.20:81", 3*time.Second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("allowed port without listener: %v after %v, want connection refused", err, time.Since(start))
	}
	c.listen(t, "192.168.0.20:22")
	var timeout net.Error
	if _, err := c.dial("tcp4", "192.168.0.20:22", time.Second); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("forbidden port: %v, want a timeout", err)
	}
}

func (c *cable) testUDP(t *testing.T) {
	var server net.PacketConn
	var err error
	c.server.do(func() { server, err = net.ListenPacket("udp4", "192.168.0.20:53") })
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	go func() {
		b := make([]byte, 10000)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			server.WriteTo(b[:n], from)
		}
	}()
	ask := func(port int, size int) (int, error) {
		conn, err := c.dial("udp4", fmt.Sprintf("192.168.0.20:%d", port), time.Second)
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		if _, err := conn.Write(make([]byte, size)); err != nil {
			return 0, err
		}
		return conn.Read(make([]byte, 10000))
	}
	for _, size := range []int{1, 1000, 5000} {
		if n, err := ask(53, size); n != size || err != nil {
			t.Errorf("%d bytes: %d came back, %v", size, n, err)
		}
	}
	if _, err := ask(54, 1); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("allowed port without listener: %v, want the server's port unreachable", err)
	}
	if _, err := ask(55, 1); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("forbidden port: %v, want a timeout", err)
	}
}
