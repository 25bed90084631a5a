package datapath

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// TestFlood has a third host send as much as it can, while two others transfer
// something: to a port that is closed, and to one that is open, so that the
// transfer's device has to send it too. What the flood loses on its way to the
// guest is its own, and is counted.
func TestFlood(t *testing.T) {
	for name, port := range map[string]uint16{"closed": 9, "open": 1000} {
		t.Run(name, func(t *testing.T) {
			suite.UnderBoth(t, func(t *testing.T, options []string) { flood(t, options, port) })
		})
	}
}

func flood(t *testing.T, options []string, port uint16) {
	l := newLab(t, options, between3, "a", "b", "c")
	l.start()
	a, b, c := l.host("a"), l.host("b"), l.stations["c"]
	l.set("c", "txqueuelen", "100")
	// Who gets the flood does not read it, but does not refuse it either.
	must(t, b.Do(func() error {
		sink, err := net.ListenPacket("udp", networkOf("b")+"2:1000")
		if err == nil {
			t.Cleanup(func() { sink.Close() })
		}
		return err
	}))
	frame := nettest.UDP(nettest.Ether{Dst: *c.guest.Load(), Src: c.mac}, nettest.IP{Src: c.ip, Dst: nettest.Addr(networkOf("b") + "2")}, 1, port, make([]byte, 18))
	listener := l.listen(b, networkOf("b")+"2:5000")
	var stop atomic.Bool
	send := func() {
		for !stop.Load() {
			for range 256 {
				c.send(frame)
			}
		}
	}
	flooding := make(chan struct{})
	go func() {
		defer close(flooding)
		together(send, send)
	}()
	start := time.Now()
	const bytes = 16 << 20
	err := transfer(a, listener, bytes)
	took := time.Since(start)
	stop.Store(true)
	<-flooding
	must(t, err)
	counted := l.audit("c")["c"]
	if counted["queue full"] == 0 || (counted["guest forwarded"] > 0) != (port == 1000) || counted["guest dropped"]+counted["guest forwarded"] == 0 {
		t.Errorf("the flood: %v", counted)
	}
	text := l.scrape()
	for device, n := range map[string]*rig.Namespace{"a": a, "b": b} {
		link, err := n.Link(device)
		must(t, err)
		pair := tenderCounts(t, text, device)
		if pair.drops("receive") != 0 {
			t.Errorf("%s: the tender has dropped frames: %v", device, pair)
		}
		t.Logf("%s: %d frames taken, %d dropped by the queue; the tender received %d and sent %d", device, link.TxFrames, link.TxDropped, pair["receive"], pair["send"])
	}
	t.Logf("%d bytes within %v; of the flood's %d frames %d were dropped by its queue", bytes, took, counted["sent"], counted["queue full"])
}
