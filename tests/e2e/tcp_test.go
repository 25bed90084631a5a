package e2e

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// serve starts a TCP server on all addresses of a host, that answers each
// connection with a line.
func (l *lab) serve(ns *rig.Namespace, port string) {
	l.t.Helper()
	_, err := ns.Start("ncat", "-l", "-k", "-p", port, "-c", "echo this is port "+port)
	l.must(err)
	l.must(ns.AwaitPort(l.ctx, "tcp", port))
}

// TestTCP connects with rules for one port: it can be reached, its neighbours
// cannot, and nothing inside may connect to the outside.
func TestTCP(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ncat", "ss")
	l := newLab(t, "--allow=tcp,in=outside,dst="+rig.InsideHost+",dport=8080-8081")
	for _, c := range []struct {
		name, port string
		from, to   *rig.Namespace
		target     string
		allowed    bool
	}{
		{"allowed port", "8080", l.Outside, l.Inside, rig.InsideHost, true},
		{"last allowed port", "8081", l.Outside, l.Inside, rig.InsideHost, true},
		{"forbidden port", "8082", l.Outside, l.Inside, rig.InsideHost, false},
		{"forbidden direction", "8080", l.Inside, l.Outside, rig.OutsideHost, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := l.with(t)
			l.serve(c.to, c.port)
			want := "this is port " + c.port
			if !c.allowed {
				want = "TIMEOUT"
			}
			l.client(c.from, []string{want}, "ncat", "--recv-only", "-w", "2", c.target, c.port)
		})
	}
	t.Run("closed port", func(t *testing.T) { // allowed, but nobody listens: the host's reset comes back
		l := newLab(t, "--allow=tcp,dport=9")
		l.client(l.Outside, []string{"refused"}, "ncat", "--recv-only", "-w", "5", rig.InsideHost, "9")
	})
}

// TestDirections lets the inside begin what it likes and the outside nothing:
// the answers pass, on the same ports, and nothing else does.
func TestDirections(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ncat", "ss")
	l := newLab(t, "--allow=any,in=inside")
	l.serve(l.Outside, "80")
	l.serve(l.Inside, "80")
	l.client(l.Inside, []string{"this is port 80"}, "ncat", "--recv-only", "-w", "5", rig.OutsideHost, "80")
	l.client(l.Outside, []string{"TIMEOUT"}, "ncat", "--recv-only", "-w", "2", rig.InsideHost, "80")
	// The port that an answer came from is no way in, either.
	l.client(l.Inside, []string{"this is port 80"}, "ncat", "--recv-only", "-w", "5", "-p", "4444", rig.OutsideHost, "80")
	l.client(l.Outside, []string{"TIMEOUT"}, "ncat", "--recv-only", "-w", "2", "-p", "81", rig.InsideHost, "4444")
	if c := l.counters("outside"); c["drop_policy"] < 2 {
		t.Errorf("the counters of outside: %s", changes(nil, c))
	}
}

// TestDropRule puts a rule that drops before one that allows.
func TestDropRule(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ncat", "ss")
	l := newLab(t, "--drop=tcp,dport=22", "--policy=accept")
	l.serve(l.Inside, "22")
	l.serve(l.Inside, "23")
	l.client(l.Outside, []string{"TIMEOUT"}, "ncat", "--recv-only", "-w", "2", rig.InsideHost, "22")
	l.client(l.Outside, []string{"this is port 23"}, "ncat", "--recv-only", "-w", "5", rig.InsideHost, "23")
}

// listen opens a TCP listener of this process on a host.
func (l *lab) listen(ns *rig.Namespace, address string) net.Listener {
	l.t.Helper()
	var listener net.Listener
	l.must(ns.Do(func() (err error) {
		listener, err = net.Listen("tcp4", address)
		return err
	}))
	l.t.Cleanup(func() { listener.Close() })
	return listener
}

// dial opens a connection of this process from a host.
func (l *lab) dial(ns *rig.Namespace, address string) net.Conn {
	l.t.Helper()
	var conn net.Conn
	l.must(ns.Do(func() (err error) {
		conn, err = net.DialTimeout("tcp4", address, 10*time.Second)
		return err
	}))
	l.t.Cleanup(func() { conn.Close() })
	return conn
}

// TestHTTP fetches a page as the example in the firewall's help promises.
func TestHTTP(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "curl")
	l := newLab(t, "--allow=tcp,in=outside,dst="+rig.InsideHost+",dport=80")
	page := strings.Repeat("tender\n", 20000)
	listener := l.listen(l.Inside, ":80")
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, page) }))
	out, err := l.Outside.Run(l.ctx, 30*time.Second, "curl", "-sS", "--max-time", "20", "http://"+rig.InsideHost+"/")
	if err != nil || out != page {
		t.Errorf("curl: %v, %d bytes, want %d", err, len(out), len(page))
	}
}

// TestConnectionEnds ends connections in all ways; each is over for
// the firewall too.
func TestConnectionEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--allow=tcp,in=outside,dport=7000")
	listener := l.listen(l.Inside, ":7000")
	for _, end := range []struct {
		name   string
		client func(*net.TCPConn)
		want   error
	}{
		{"close", func(c *net.TCPConn) { c.Close() }, io.EOF},
		{"half close", func(c *net.TCPConn) { c.CloseWrite() }, io.EOF},
		{"reset", func(c *net.TCPConn) { c.SetLinger(0); c.Close() }, os.ErrDeadlineExceeded},
	} {
		client := l.dial(l.Outside, rig.InsideHost+":7000").(*net.TCPConn)
		server, err := listener.Accept()
		l.must(err)
		server.SetDeadline(time.Now().Add(5 * time.Second))
		end.client(client)
		_, err = server.Read(make([]byte, 1))
		if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: the server's read said %v", end.name, err)
		}
		if end.name == "half close" {
			client.SetDeadline(time.Now().Add(5 * time.Second))
			server.Write([]byte("x"))
			if _, err := client.Read(make([]byte, 1)); err != nil {
				t.Errorf("after a half close the answer did not come: %v", err)
			}
		}
		server.Close()
	}
	if c := l.counters("flows"); c["begun"] != 3 {
		t.Errorf("the flow counters: %s, want 3 begun", changes(nil, c))
	}
}
