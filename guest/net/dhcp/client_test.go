package dhcp

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

const second = int64(time.Second)

var mac = wire.MAC{2, 0, 0, 0, 0, 7}

// rig is a client and what it has said.
type rig struct {
	*Client
	t       *testing.T
	now     int64
	sent    []sent
	changes []string
}

type sent struct {
	kind     byte
	xid      uint32
	ciaddr   wire.Addr4
	options  map[byte]wire.Addr4
	from, to wire.Addr4
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, now: second}
	r.Client = New(Config{
		MAC: mac, Hostname: "fw",
		Send: func(b []byte, from, to wire.Addr4) {
			if len(b) != MessageLen || b[0] != 1 || wire.MAC(b[28:34]) != mac || binary.BigEndian.Uint32(b[236:]) != magicCookie {
				t.Errorf("malformed message % x", b)
			}
			s := sent{xid: binary.BigEndian.Uint32(b[4:]), ciaddr: addr(b[12:]), options: map[byte]wire.Addr4{}, from: from, to: to}
			for o := b[optionsAt:]; o[0] != optEnd; o = o[2+o[1]:] {
				switch {
				case o[0] == optType:
					s.kind = o[2]
				case o[1] == 4:
					s.options[o[0]] = addr(o[2:])
				}
			}
			r.sent = append(r.sent, s)
		},
		Changed: func(l *Lease) {
			if l == nil {
				r.changes = append(r.changes, "none")
			} else {
				r.changes = append(r.changes, l.Address.String()+" via "+l.Router.String())
			}
		},
	})
	return r
}

// tick lets the client do what is due next, and returns what it said.
func (r *rig) tick() sent {
	r.t.Helper()
	r.now = max(r.now, r.Deadline())
	n := len(r.sent)
	r.Tick(r.now)
	if len(r.sent) != n+1 {
		r.t.Fatalf("%d messages, want one", len(r.sent)-n)
	}
	return r.sent[n]
}

// answer makes a server's message.
func answer(kind byte, xid uint32, address string, options ...byte) []byte {
	b := make([]byte, optionsAt)
	b[0], b[1], b[2] = 2, 1, 6
	binary.BigEndian.PutUint32(b[4:], xid)
	binary.BigEndian.PutUint32(b[16:], uint32(nettest.Addr(address)))
	copy(b[28:], mac[:])
	binary.BigEndian.PutUint32(b[236:], magicCookie)
	b = append(b, optType, 1, kind, optServer, 4, 10, 0, 0, 1, optMask, 4, 255, 255, 255, 0, optRouter, 4, 10, 0, 0, 254)
	return append(append(b, options...), optEnd)
}

func leaseOf(seconds uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{optLease, 4}, seconds)
}

// bind goes through the four messages.
func (r *rig) bind(seconds uint32) {
	r.t.Helper()
	d := r.tick()
	r.Receive(answer(offer, d.xid, "10.0.0.50", leaseOf(seconds)...), r.now)
	q := r.sent[len(r.sent)-1]
	r.Receive(answer(ack, q.xid, "10.0.0.50", leaseOf(seconds)...), r.now)
	if _, ok := r.Lease(); !ok {
		r.t.Fatal("no lease")
	}
}

func TestLease(t *testing.T) {
	r := newRig(t)
	d := r.tick()
	if d.kind != discover || d.to != 0 || d.ciaddr != 0 {
		t.Errorf("first message %+v", d)
	}
	r.Receive(answer(offer, d.xid+1, "10.0.0.50", leaseOf(3600)...), r.now)
	r.Receive(answer(ack, d.xid, "10.0.0.50", leaseOf(3600)...), r.now)
	if len(r.sent) != 1 || len(r.changes) != 0 {
		t.Fatal("took an answer to another question")
	}
	r.Receive(answer(offer, d.xid, "10.0.0.50", leaseOf(3600)...), r.now)
	q := r.sent[1]
	if q.kind != request || q.to != 0 || q.options[optAddress] != nettest.Addr("10.0.0.50") || q.options[optServer] != nettest.Addr("10.0.0.1") {
		t.Errorf("request %+v", q)
	}
	r.Receive(answer(ack, q.xid, "10.0.0.51", leaseOf(3600)...), r.now)
	if len(r.changes) != 0 {
		t.Fatal("took another address than was asked for")
	}
	r.Receive(answer(ack, q.xid, "10.0.0.50", leaseOf(3600)...), r.now)
	if len(r.changes) != 1 || r.changes[0] != "10.0.0.50/24 via 10.0.0.254" || r.Deadline() != r.now+1800*second {
		t.Errorf("changes %v, next at %d", r.changes, r.Deadline())
	}
}

func TestRetransmission(t *testing.T) {
	r := newRig(t)
	last, wait := int64(0), 4.0
	for i := range 8 {
		r.tick()
		if i > 0 {
			if gap := float64(r.now-last) / 1e9; math.Abs(gap-wait) > 1 {
				t.Errorf("try %d after %.1f s, want %.0f", i, gap, wait)
			}
			wait = min(2*wait, 64)
		}
		last = r.now
	}
	d := r.sent[len(r.sent)-1]
	r.Receive(answer(offer, d.xid, "10.0.0.50", leaseOf(3600)...), r.now)
	for range 2 {
		if q := r.tick(); q.kind != request {
			t.Errorf("%+v, want a request", q)
		}
	}
	if d := r.tick(); d.kind != discover {
		t.Errorf("%+v, want to start over", d)
	}
}

func TestRenewal(t *testing.T) {
	r := newRig(t)
	r.bind(3600)
	bound := r.now
	q := r.tick()
	if r.now-bound != 1800*second || q.kind != request || q.ciaddr != nettest.Addr("10.0.0.50") || q.from != q.ciaddr || q.to != nettest.Addr("10.0.0.1") || q.options[optAddress] != 0 {
		t.Errorf("renewal after %d: %+v", (r.now-bound)/second, q)
	}
	r.Receive(answer(ack, q.xid, "10.0.0.50", leaseOf(3600)...), r.now)
	if len(r.changes) != 1 || r.Deadline() != r.now+1800*second {
		t.Errorf("changes %v", r.changes)
	}
	bound = r.now
	toServer, toAll := 0, 0
	for {
		before := len(r.changes)
		q := r.tick()
		if len(r.changes) != before {
			if q.kind != discover || r.now-bound != 3600*second || r.changes[1] != "none" {
				t.Errorf("lost after %d s: %+v, %v", (r.now-bound)/second, q, r.changes)
			}
			break
		}
		switch q.to {
		case wire.Broadcast4:
			toAll++
			if r.now-bound < 3150*second {
				t.Errorf("rebinds after %d s", (r.now-bound)/second)
			}
		default:
			toServer++
		}
	}
	if toServer < 3 || toServer > 12 || toAll < 2 || toAll > 8 {
		t.Errorf("%d renewals and %d rebindings in an hour", toServer, toAll)
	}
}

func TestAddressChanges(t *testing.T) {
	r := newRig(t)
	r.bind(3600)
	q := r.tick()
	r.Receive(answer(ack, q.xid, "10.0.0.77", leaseOf(3600)...), r.now)
	if len(r.changes) != 2 || r.changes[1] != "10.0.0.77/24 via 10.0.0.254" {
		t.Errorf("changes %v", r.changes)
	}
	q = r.tick()
	r.Receive(answer(nak, q.xid, "0.0.0.0"), r.now)
	if _, ok := r.Lease(); ok || len(r.changes) != 3 || r.changes[2] != "none" {
		t.Errorf("changes %v", r.changes)
	}
	before := r.now
	if d := r.tick(); d.kind != discover || r.now-before < 2*second {
		t.Errorf("%+v after %d", d, r.now-before)
	}
}

func TestForEver(t *testing.T) {
	r := newRig(t)
	r.bind(forEver)
	if r.Deadline() != Never {
		t.Errorf("deadline %d", r.Deadline())
	}
}

func TestShortLease(t *testing.T) {
	r := newRig(t)
	r.bind(0)
	if d := r.Deadline() - r.now; d != int64(minLease/2) {
		t.Errorf("renews after %d", d)
	}
}

func TestWrongOffers(t *testing.T) {
	for name, change := range map[string]func(b []byte) []byte{
		"short":            func(b []byte) []byte { return b[:239] },
		"request":          func(b []byte) []byte { b[0] = 1; return b },
		"cookie":           func(b []byte) []byte { b[236]++; return b },
		"other hardware":   func(b []byte) []byte { b[28]++; return b },
		"address 0":        func(b []byte) []byte { clear(b[16:20]); return b },
		"broadcast":        func(b []byte) []byte { b[19] = 255; return b },
		"loopback":         func(b []byte) []byte { b[16] = 127; return b },
		"mask with holes":  func(b []byte) []byte { b[252] = 1; return b },
		"option cut short": func(b []byte) []byte { b[len(b)-1] = 9; return b },
	} {
		r := newRig(t)
		d := r.tick()
		r.Receive(change(answer(offer, d.xid, "10.0.0.50")), r.now)
		if len(r.sent) != 1 {
			t.Errorf("%s: taken", name)
		}
	}
}

// FuzzReceive lets anything answer, in every state.
func FuzzReceive(f *testing.F) {
	f.Add(answer(offer, 0, "10.0.0.50", leaseOf(60)...), byte(0))
	f.Add(answer(ack, 0, "10.0.0.50", leaseOf(60)...), byte(1))
	f.Add(answer(nak, 0, "0.0.0.0"), byte(2))
	f.Add(answer(ack, 0, "10.0.0.51", optDNS, 8, 1, 1, 1, 1, 8, 8, 8, 8), byte(3))
	f.Fuzz(func(t *testing.T, b []byte, steps byte) {
		r := newRig(t)
		r.bind(3600)
		for range steps % 16 {
			r.now = max(r.now, r.Deadline())
			r.Tick(r.now)
		}
		if len(b) >= 8 {
			binary.BigEndian.PutUint32(b[4:], r.xid)
		}
		r.Receive(b, r.now)
		r.Receive(b, r.now)
		if l, ok := r.Lease(); ok && (l.Address.Bits == 0 || l.Address.Addr.IsMartian() || l.Duration < minLease) {
			t.Errorf("lease %+v", l)
		}
		if d := r.Deadline(); d <= r.now && r.state != idle {
			t.Errorf("deadline %d at %d in state %d", d, r.now, r.state)
		}
	})
}
