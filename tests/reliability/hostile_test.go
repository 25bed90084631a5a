package reliability

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
	"tender/tests/rig/suite"
)

// TestHostile lets strangers at a guest, while its client makes requests.
// Afterwards the guest is as it was.
func TestHostile(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		g := startRelayed(t, options)
		before := g.warm()
		for _, c := range []struct {
			name string
			test func(*station)
		}{{"fragments", fragments}, {"flood", flood}, {"scan", scan}, {"nonsense", nonsense}} {
			t.Run(c.name, func(t *testing.T) {
				g := *g
				g.t = t
				c.test(g.station())
				g.mustServe(10 * time.Second)
			})
		}
		g.mustRest(before, tableBytes)
	})
}

// fragments sends pieces of datagrams that are never complete.
func fragments(s *station) {
	for range much(5000, 100000) {
		s.send(s.fragment())
	}
}

// flood opens connections that nobody completes, many more than the guest can
// remember. A transfer goes on meanwhile, and new connections are served.
func flood(s *station) {
	ctx, cancel := context.WithTimeout(context.Background(), s.http.Timeout)
	defer cancel()
	transferred, served := make(chan error, 1), make(chan int, 1)
	const bytes = 4 << 20
	go func() {
		hash, err := s.download(ctx, bytes)
		if err == nil && hash != patternHash(bytes) {
			s.t.Error("other bytes than the guest sent")
		}
		transferred <- err
	}()
	over := make(chan struct{})
	go func() {
		n := 0
		defer func() { served <- n }()
		for {
			select {
			case <-over:
				return
			default:
			}
			if err := s.hello(ctx); err != nil {
				s.t.Errorf("request %d: %v", n, err)
				return
			}
			n++
		}
	}()
	count := much(20000, 500000)
	begun := time.Now()
	for range count {
		s.send(s.syn(80))
	}
	took := time.Since(begun)
	if err := <-transferred; err != nil {
		s.t.Errorf("the transfer: %v", err)
	}
	close(over)
	s.t.Logf("%d connections begun in %v, %d requests served", count, took.Round(time.Millisecond), <-served)
}

// scan looks at all ports as scanners do. The guest says of each closed one that
// it is, and of no other that it is open.
func scan(s *station) {
	var mu sync.Mutex
	answers := map[uint16]uint8{}
	seen := func(frame []byte) {
		if wire.Ethernet(frame).Type() != wire.TypeIPv4 {
			return
		}
		ip, err := wire.ParseIPv4(frame[wire.EthernetLen:])
		if err != nil || ip.Protocol() != wire.ProtoTCP || len(ip.Payload()) < wire.TCPMinLen {
			return
		}
		tcp := wire.TCP(ip.Payload())
		if tcp.DstPort() != scanPort {
			return
		}
		mu.Lock()
		answers[tcp.SrcPort()] |= tcp.Flags()
		mu.Unlock()
	}
	s.relay.seen.Store(&seen)
	defer s.relay.seen.Store(nil)
	probe := func(port int, flags uint8) {
		s.send(nettest.TCP(s.ether, s.ip, nettest.Segment{SrcPort: scanPort, DstPort: uint16(port), Seq: 1, Flags: flags, Window: 1000}))
	}
	answered := func(port int) bool {
		mu.Lock()
		defer mu.Unlock()
		return answers[uint16(port)] != 0
	}
	for range 3 { // some are lost at such a rate
		for port := 1; port < 1<<16; port++ {
			if !answered(port) {
				probe(port, wire.TCPSyn)
			}
		}
		s.mustServe(10 * time.Second) // what was sent before has been answered
	}
	// An answer to a SYN that is lost comes again after a second, whatever is asked
	// meanwhile.
	for end := time.Now().Add(30 * time.Second); !(answered(80) && answered(443)) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	mu.Lock()
	var open []uint16
	closed := 0
	for port, flags := range answers {
		if flags&wire.TCPSyn != 0 {
			open = append(open, port)
		} else if flags&wire.TCPRst != 0 {
			closed++
		}
	}
	mu.Unlock()
	slices.Sort(open)
	if !slices.Equal(open, []uint16{80, 443}) {
		s.t.Errorf("ports %v are open, want 80 and 443", open)
	}
	s.t.Logf("%d ports are closed", closed)
	for port := range much(2000, 1<<16) {
		for _, flags := range []uint8{0, wire.TCPFin, wire.TCPFin | wire.TCPPsh | wire.TCPUrg, wire.TCPAck} {
			probe(port, flags)
		}
		s.send(nettest.UDP(s.ether, s.ip, scanPort, uint16(port), nil))
	}
}

// scanPort is what the scan comes from. The client's kernel knows nothing of it.
const scanPort = 7

// nonsense sends frames that are wrong in all kinds of ways.
func nonsense(s *station) {
	for i := range much(30000, 1000000) {
		s.send(s.nonsense())
		if i%5000 == 0 {
			s.mustServe(30 * time.Second)
		}
	}
}
