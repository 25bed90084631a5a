package e2e

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// socket opens a UDP socket of this process on a host.
func (l *lab) socket(ns *rig.Namespace, address string) *net.UDPConn {
	l.t.Helper()
	var conn net.PacketConn
	l.must(ns.Do(func() (err error) {
		conn, err = net.ListenPacket("udp4", address)
		return err
	}))
	l.t.Cleanup(func() { conn.Close() })
	return conn.(*net.UDPConn)
}

// say sends a text to an address.
func (l *lab) say(from *net.UDPConn, text, address string) {
	l.t.Helper()
	to, err := net.ResolveUDPAddr("udp4", address)
	l.must(err)
	_, err = from.WriteTo([]byte(text), to)
	l.must(err)
}

// hear wants a text, or with "" that nothing comes.
func (l *lab) hear(at *net.UDPConn, text string) {
	l.t.Helper()
	limit := 5 * time.Second
	if text == "" {
		limit = 500 * time.Millisecond
	}
	at.SetReadDeadline(time.Now().Add(limit))
	buffer := make([]byte, 1<<16)
	n, err := at.Read(buffer)
	switch {
	case text == "" && !errors.Is(err, os.ErrDeadlineExceeded):
		l.t.Errorf("something came: %q, %v", short(buffer[:n]), err)
	case text != "" && (err != nil || string(buffer[:n]) != text):
		l.t.Errorf("%q came (%d bytes, %v), want %q", short(buffer[:n]), n, err, short([]byte(text)))
	}
}

func short(b []byte) string { return string(b[:min(len(b), 40)]) }

// TestUDP asks and answers; what is no answer does not pass.
func TestUDP(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--allow=udp,in=inside")
	client := l.socket(l.Inside, ":4000")
	server := l.socket(l.Outside, ":53")
	other := l.socket(l.Outside, ":54")
	const clientAddress = rig.InsideHost + ":4000"

	l.say(server, "before any question", clientAddress)
	l.hear(client, "")
	l.say(client, "question", rig.OutsideHost+":53")
	l.hear(server, "question")
	l.say(server, "answer", clientAddress)
	l.hear(client, "answer")
	l.say(server, "another answer", clientAddress)
	l.hear(client, "another answer")
	l.say(other, "from a port that was not asked", clientAddress)
	l.hear(client, "")
	l.say(server, "to a port that did not ask", rig.InsideHost+":4001")
	l.hear(l.socket(l.Inside, ":4001"), "")
	if c := l.counters("outside"); c["drop_policy"] != 3 || c["forwarded"] != 2 {
		t.Errorf("the counters of outside: %s", changes(nil, c))
	}
}

// TestUDPSizes sends datagrams from nothing to the largest there is.
func TestUDPSizes(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--allow=udp,in=outside,dport=5000")
	server := l.socket(l.Inside, ":5000")
	client := l.socket(l.Outside, ":0")
	for _, size := range []int{1, 17, 1472, 1473, 9000, 65507} {
		text := strings.Repeat("x", size)
		l.say(client, text, rig.InsideHost+":5000")
		l.hear(server, text)
	}
}

// TestUDPByNcat is a question and an answer by a public client.
func TestUDPByNcat(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ncat", "ss")
	l := newLab(t, "--allow=udp,in=outside,dport=5000")
	_, err := l.Inside.Start("ncat", "-u", "-l", "-k", "-p", "5000", "-c", "read question; echo you said $question")
	l.must(err)
	l.must(l.Inside.AwaitPort(l.ctx, "udp", "5000"))
	client := l.Outside.Command(l.ctx, "ncat", "-u", rig.InsideHost, "5000")
	said := &rig.Console{}
	client.Stdout = said
	question, err := client.StdinPipe() // open until the answer is there
	l.must(err)
	l.must(client.Start())
	defer client.Wait()
	defer question.Close()
	_, err = question.Write([]byte("hello\n"))
	l.must(err)
	l.must(said.Await(l.ctx, "you said hello\n"))
}

// TestPortUnreachable expects the ICMP error about an allowed datagram to
// come back, both ways, and none about one that was dropped.
func TestPortUnreachable(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--allow=udp,in=outside,dport=5000", "--allow=udp,in=inside,dport=6000")
	for _, c := range []struct {
		from    *rig.Namespace
		address string
		want    error
	}{
		{l.Outside, rig.InsideHost + ":5000", syscall.ECONNREFUSED},
		{l.Inside, rig.OutsideHost + ":6000", syscall.ECONNREFUSED},
		{l.Outside, rig.InsideHost + ":6000", os.ErrDeadlineExceeded},
	} {
		var conn net.Conn
		l.must(c.from.Do(func() (err error) {
			conn, err = net.Dial("udp4", c.address)
			return err
		}))
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(2 * time.Second))
		_, err := conn.Write([]byte("anybody?"))
		l.must(err)
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.address, err, c.want)
		}
	}
}
