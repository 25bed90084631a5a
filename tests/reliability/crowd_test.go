package reliability

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// TestCrowd lets thousands of clients come and go, and a thousand stay. The
// first crowd makes room for as many: goroutines and tables of the runtime and
// of netstack are used again, and not given back.
func TestCrowd(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		g := startRelayed(t, options)
		g.comeAndGo(2000)
		g.stay(1000)
		time.Sleep(2 * time.Second) // for connections that have been closed just now
		before := g.warm()
		t.Run("come and go", func(t *testing.T) {
			g := *g
			g.t = t
			g.comeAndGo(much(10000, 200000))
			g.mustRest(before, slackBytes)
		})
		t.Run("stay", func(t *testing.T) {
			g := *g
			g.t = t
			g.stay(1000)
			g.mustRest(before, slackBytes)
		})
	})
}

// visitors is how many clients come at a time.
const visitors = 16

// comeAndGo opens connections, has a request answered on each, and closes them in
// the ways there are.
func (g *guest) comeAndGo(count int) {
	g.t.Helper()
	begun := time.Now()
	var wg sync.WaitGroup
	errs := make([]error, visitors)
	for v := range visitors {
		wg.Go(func() {
			for i := v; i < count && errs[v] == nil; i += visitors {
				if err := g.visit(i); err != nil {
					errs[v] = fmt.Errorf("connection %d: %w", i, err)
				}
			}
		})
	}
	wg.Wait()
	must(g.t, errors.Join(errs...))
	g.t.Logf("%d connections in %v", count, time.Since(begun).Round(time.Millisecond))
}

// visit is one connection. The guest closes every third one, the client the
// others: one in order, one by a reset.
func (g *guest) visit(i int) error {
	c, err := g.dial(context.Background(), "tcp", g.address+":80")
	if err != nil {
		return err
	}
	defer c.Close()
	header := ""
	if i%3 == 0 {
		header = "Connection: close\r\n"
	}
	if err := helloOn(c, header); err != nil {
		return err
	}
	switch i % 3 {
	case 0:
		if n, err := c.Read(make([]byte, 1)); err != io.EOF {
			return fmt.Errorf("after the answer: %d bytes, %v", n, err)
		}
	case 1:
		return c.(*net.TCPConn).SetLinger(0)
	}
	return nil
}

// helloOn has a request answered over a connection, which stays open unless the
// header says otherwise.
func helloOn(c net.Conn, header string) error {
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := io.WriteString(c, "GET /hello HTTP/1.1\r\nHost: guest\r\n"+header+"\r\n"); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "Hello over HTTP/1.1\n" {
		return fmt.Errorf("the answer is %q, %v", body, err)
	}
	return nil
}

// stay keeps connections without traffic, and uses each again. Others are served
// meanwhile.
func (g *guest) stay(count int) {
	g.t.Helper()
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for i := range count {
		c, err := g.dial(context.Background(), "tcp", g.address+":80")
		if err == nil {
			open = append(open, c)
			err = helloOn(c, "")
		}
		if err != nil {
			g.t.Fatalf("connection %d: %v", i, err)
		}
	}
	r, err := g.resources()
	must(g.t, err)
	g.t.Logf("with %d connections: %+v", count, r)
	if r.goroutines < count {
		g.t.Errorf("%d goroutines serve %d connections", r.goroutines, count)
	}
	for i, c := range open {
		if err := helloOn(c, ""); err != nil {
			g.t.Fatalf("connection %d, again: %v", i, err)
		}
	}
	g.mustServe(10 * time.Second)
}
