package balance

import (
	"math/rand/v2"
	"testing"

	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

const second = int64(1e9)

func pool(n int) []Server {
	var all []Server
	for i := range n {
		all = append(all, Server{wire.From4(wire.Addr4(0xc0a80001 + i)), 80})
	}
	return all
}

func newBalancer(t testing.TB, c Config) *Balancer {
	t.Helper()
	c.Port = 80
	b, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// answer is what a server says to a check.
func answer(flags uint8, ack uint32) wire.TCP {
	f := nettest.TCP(nettest.Ether{}, nettest.IP{}, nettest.Segment{Flags: flags, Ack: ack})
	return wire.TCP(f[wire.EthernetLen+wire.IPv4MinLen:])
}

// checkAll goes through one round of checks; alive says who answers.
func checkAll(t testing.TB, b *Balancer, now int64, alive func(i int) bool) {
	t.Helper()
	for {
		i, ok := b.Due(now)
		if !ok {
			return
		}
		b.Sent(i, uint16(6000+i), 100, now)
		s, _ := b.Server(i)
		if alive(i) {
			if taken, reset := b.Answered(s.Addr, s.Port, uint16(6000+i), answer(wire.TCPSyn|wire.TCPAck, 101), now); !taken || !reset {
				t.Fatal("an answer was not taken")
			}
		}
	}
}

func TestTurns(t *testing.T) {
	b := newBalancer(t, Config{Servers: pool(3)})
	if b.HasRoom(0) {
		t.Fatal("there is room before a check")
	}
	checkAll(t, b, 0, func(i int) bool { return i != 1 })
	count := [3]int{}
	for range 100 {
		count[b.Next()]++
	}
	if count != [3]int{50, 0, 50} {
		t.Errorf("turns %v", count)
	}
	if !b.HasRoom(999) || b.HasRoom(1000) {
		t.Error("the session limit is not 1000")
	}
}

// TestFailureAndRecovery takes servers down and up at random, and compares
// with what a server that fails twice in a row deserves.
func TestFailureAndRecovery(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	b := newBalancer(t, Config{Servers: pool(5)})
	failures, up := [5]int{2, 2, 2, 2, 2}, [5]bool{}
	for round := range int64(500) {
		var alive [5]bool
		for i := range alive {
			alive[i] = rng.IntN(3) > 0
		}
		now := round * 2 * second
		checkAll(t, b, now, func(i int) bool { return alive[i] })
		for i := range alive {
			if alive[i] {
				failures[i], up[i] = 0, true
			} else if failures[i]++; failures[i] >= 2 {
				up[i] = false
			}
		}
		if _, ok := b.Due(now + second); ok {
			t.Fatal("a check is due too early")
		}
		total := 0
		for i := range up {
			if _, is := b.Server(i); is != up[i] {
				t.Fatalf("round %d: server %d up is %v, want %v", round, i, is, up[i])
			}
			if up[i] {
				total++
			}
		}
		if c := b.Counters(); c.Up != total || b.HasRoom(0) != (total > 0) {
			t.Fatalf("%d servers up, want %d", c.Up, total)
		}
		if d := b.Deadline(); d != (round+1)*2*second {
			t.Fatalf("deadline %d, want %d", d, (round+1)*2*second)
		}
	}
}

func TestWrongAnswers(t *testing.T) {
	b := newBalancer(t, Config{Servers: pool(2)})
	i, _ := b.Due(0)
	b.Sent(i, 6000, 100, 0)
	s, _ := b.Server(i)
	for name, taken := range map[string]bool{
		"other port":   first(b.Answered(s.Addr, s.Port, 6001, answer(wire.TCPSyn|wire.TCPAck, 101), 0)),
		"other server": first(b.Answered(wire.From4(9), s.Port, 6000, answer(wire.TCPSyn|wire.TCPAck, 101), 0)),
		"other ack":    first(b.Answered(s.Addr, s.Port, 6000, answer(wire.TCPSyn|wire.TCPAck, 102), 0)),
		"no ack":       first(b.Answered(s.Addr, s.Port, 6000, answer(wire.TCPSyn, 101), 0)),
	} {
		if taken {
			t.Errorf("%s: taken", name)
		}
	}
	if taken, reset := b.Answered(s.Addr, s.Port, 6000, answer(wire.TCPRst|wire.TCPAck, 101), 0); !taken || reset {
		t.Error("a refusal was not taken as one")
	}
	if b.Counters().Up != 0 {
		t.Error("a refusal brought a server up")
	}
}

func first(a, _ bool) bool { return a }

func TestQueue(t *testing.T) {
	b := newBalancer(t, Config{Servers: pool(1), WaitLimit: 3})
	tuple := func(i int) packet.Tuple { return packet.Tuple{SrcPort: uint16(i)} }
	for i := range 5 {
		if got := b.Hold(tuple(i), []byte{byte(i)}, int64(i)*second); got != (i < 3) {
			t.Errorf("%d: held is %v", i, got)
		}
	}
	if b.Hold(tuple(9), make([]byte, MaxFrame+1), 0) {
		t.Error("a frame that is too long was held")
	}
	if !b.Waits(tuple(2)) || b.Waits(tuple(3)) {
		t.Error("wrong connections wait")
	}
	if f := b.Release(); f[0] != 0 || b.Waits(tuple(0)) {
		t.Errorf("released % x", f)
	}
	if b.Expire(60*second) != nil {
		t.Error("expired too early")
	}
	if f := b.Expire(61 * second); len(f) != 1 || f[0] != 1 {
		t.Errorf("expired % x", f)
	}
	b.Release()
	if b.Release() != nil {
		t.Error("released what is not there")
	}
	if c := b.Counters(); c.Refused != 3 || c.Expired != 1 || c.Waited != 2 || c.Waiting != 0 {
		t.Errorf("%+v", c)
	}
	none := newBalancer(t, Config{Servers: pool(1), WaitLimit: -1})
	if none.Hold(tuple(1), nil, 0) || none.Release() != nil || none.Waits(tuple(1)) || none.Expire(0) != nil {
		t.Error("a queue without places holds something")
	}
}

func TestNewRefuses(t *testing.T) {
	good := Config{Port: 80, Servers: pool(2)}
	for name, change := range map[string]func(*Config){
		"port":        func(c *Config) { c.Port = 0 },
		"no server":   func(c *Config) { c.Servers = nil },
		"many":        func(c *Config) { c.Servers = pool(MaxServers + 1) },
		"server port": func(c *Config) { c.Servers[1].Port = 0 },
		"families":    func(c *Config) { c.Servers[1].Addr = wire.Addr{Hi: 1} },
		"sessions":    func(c *Config) { c.SessionLimit = -1 },
		"queue":       func(c *Config) { c.WaitLimit = MaxWaiting + 1 },
		"timeout":     func(c *Config) { c.Timeout = 3e9 },
	} {
		c := good
		c.Servers = pool(2)
		change(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}
