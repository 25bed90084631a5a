package stack

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
)

// A transfer soon goes on after a cable was pulled for longer than TCP waits for
// an answer. All that was under way is lost then; it must not take a timeout
// for each segment of it.
func TestOutage(t *testing.T) {
	noLeaks(t)
	const between, outages, mayTimeOut = 8 << 20, 3, 10
	l := limitsFor(96 << 20)
	l.memory = small.memory
	a, b := newCable(1500)
	na, _ := startSmall(t, l, "--ipv4=10.0.0.1/24", a)
	nb, _ := startSmall(t, l, "--ipv4=10.0.0.2/24", b)
	listener, err := gonet.ListenTCP(nb.stack, full("10.0.0.2:9"), protocolOf("10.0.0.2:9"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := dial(t, na, "10.0.0.2:9")
	c.SetDeadline(time.Now().Add(time.Minute))
	received, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer received.Close()
	received.SetDeadline(time.Now().Add(time.Minute))
	go func() {
		for chunk := make([]byte, 64<<10); ; {
			if _, err := c.Write(chunk); err != nil {
				return // the reader knows
			}
		}
	}()
	var arrived atomic.Int64
	failed := make(chan error, 1)
	go func() {
		for p := make([]byte, 64<<10); ; {
			n, err := received.Read(p)
			if arrived.Add(int64(n)); err != nil {
				failed <- err
				return
			}
		}
	}()
	timeouts := na.stack.Stats().TCP.Timeouts
	for i := range outages + 1 {
		before, from := timeouts.Value(), arrived.Load()
		for arrived.Load() < from+between {
			select {
			case err := <-failed:
				t.Fatalf("%d bytes since outage %d: %v", arrived.Load()-from, i, err)
			case <-time.After(time.Millisecond):
			}
		}
		if n := timeouts.Value() - before; n > mayTimeOut {
			t.Errorf("%d timeouts in the %d bytes since outage %d", n, between, i)
		}
		a.failWrites(errors.New("pulled"))
		b.failWrites(errors.New("pulled"))
		time.Sleep(500 * time.Millisecond)
		a.failWrites(nil)
		b.failWrites(nil)
	}
}
