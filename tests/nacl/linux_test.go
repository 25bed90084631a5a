package nacl

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"tender/guest/net/wire"
	"tender/tests/rig"
	"tender/tests/rig/suite"
)

var (
	seed = flag.Uint64("seed", 1, "determines the first random set of rules and its packets")
	sets = flag.Int("sets", 6, "how many random sets of rules are compared with Linux")
)

// TestSameAsLinux gives an appliance and a Linux router the same random rules and
// the same random packets: the same must come out.
func TestSameAsLinux(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		var total counts
		for i := range *sets {
			t.Run(fmt.Sprintf("seed=%d", *seed+uint64(i)), func(t *testing.T) { testSameAsLinux(t, options, *seed+uint64(i), &total) })
		}
		if *sets > 1 && (total.passed < total.sent/20 || total.passed > total.sent*19/20 || total.translated == 0) {
			t.Errorf("the rules say little: %+v", total)
		}
	}, "nft")
}

// packets is how many are sent through each set of rules.
const packets = 500

// counts are of packets. Passed are those that are compared; what is translated
// has other addresses or ports.
type counts struct{ sent, passed, translated, differ int }

func testSameAsLinux(t *testing.T, options []string, seed uint64, total *counts) {
	random := rand.New(rand.NewPCG(seed, 0))
	translating := seed%2 == 0
	rules := randomRules(random, translating)
	s := newSite(t, options, rules.nacl, "outside", "inside")
	s.hosts["outside"].address("10.0.0.1/24")
	s.hosts["inside"].address("192.168.0.20/24")
	ours := s.ends(s.hosts["outside"].Namespace, "outside", s.mac("outside"), s.hosts["inside"].Namespace, "inside", s.mac("inside"))
	linux := s.router(rules.nft)
	results := [2]string{}
	var n counts
	quarrels := quarrels{}
	c := &crowd{Rand: random, apart: translating}
	var bursts [][]*packet
	linux.send(func(yield func([]*packet) bool) {
		for c.id < packets {
			burst := c.burst()
			if bursts = append(bursts, burst); !yield(burst) {
				return
			}
			// Hosts answer what they get.
			for _, p := range burst {
				if datagram := linux[1-p.side].packet(p.ip.ID); datagram != nil {
					c.hear(1-p.side, datagram)
				}
			}
		}
	})
	ours.send(slices.Values(bursts))
	for _, burst := range bursts {
		for _, p := range burst {
			a, b := ours[1-p.side].packet(p.ip.ID), linux[1-p.side].packet(p.ip.ID)
			n.sent++
			if quarrels.between(p, b != nil) {
				continue
			}
			if b != nil {
				n.passed++
				if !bytes.Equal(b[12:24], p.frame()[wire.EthernetLen:][12:24]) && p.protocol != wire.ProtoICMP {
					n.translated++
				}
			}
			if bytes.Equal(a, b) {
				continue
			}
			for i, r := range [][]byte{a, b} {
				if results[i] = "drops it"; r != nil {
					results[i] = fmt.Sprintf("sends % x", r)
				}
			}
			if n.differ++; n.differ <= 5 {
				t.Errorf("%v: we %s, Linux %s; before it%s", p, results[0], results[1], history(bursts, p, &linux))
			}
		}
	}
	t.Logf("%+v", n)
	if n.differ > 0 {
		t.Logf("%s\n%s", rules.nacl, rules.nft)
	}
	total.sent, total.passed, total.translated = total.sent+n.sent, total.passed+n.passed, total.translated+n.translated
}

// quarrels are pairs of hosts of which one was heard by the other and its answer
// was dropped. For Linux the connection is established by that answer, for us it
// is new as long as none has passed, so rules about states differ.
type quarrels map[pair]*quarrel

type pair struct {
	hosts    [2]wire.Addr4 // outside, inside
	protocol uint8
}

type quarrel struct {
	passed [2]bool // by side
	begun  bool
}

// between reports whether the hosts of a packet had a quarrel before it, and
// notes what has become of it.
func (q quarrels) between(p *packet, passed bool) bool {
	key := pair{[2]wire.Addr4{p.ip.Src, p.ip.Dst}, p.protocol}
	if p.side == 1 {
		key.hosts = [2]wire.Addr4{p.ip.Dst, p.ip.Src}
	}
	for i := range key.hosts {
		if key.hosts[i]&0xff > otherHost {
			key.hosts[i] -= otherHost
		}
	}
	if q[key] == nil {
		q[key] = &quarrel{}
	}
	was := q[key].begun
	if passed {
		q[key].passed[p.side] = true
	} else if q[key].passed[1-p.side] {
		q[key].begun = true
	}
	return was
}

// history tells of packets between the same hosts that were sent before p, and
// whether Linux let them pass.
func history(bursts [][]*packet, p *packet, linux *ends) string {
	text := ""
	for _, q := range slices.Concat(bursts...) {
		if q == p {
			break
		}
		if q.ip.Src == p.ip.Src && q.ip.Dst == p.ip.Dst || q.ip.Src == p.ip.Dst && q.ip.Dst == p.ip.Src {
			text += fmt.Sprintf("\n\t%v: %t", q, linux[1-q.side].packet(q.ip.ID) != nil)
		}
	}
	return text
}

// router is a Linux router with rules, and the routes of an appliance.
func (s *site) router(rules string) ends {
	s.t.Helper()
	r, err := rig.NewRouter()
	s.must(err)
	s.t.Cleanup(func() { s.must(r.Close()) })
	s.must(errors.Join(
		r.Filter(rules),
		r.Router.Set("net/netfilter/nf_conntrack_tcp_loose", "0"),
		r.Router.Set("net/ipv4/conf/all/rp_filter", "0"),
		r.Router.Set("net/ipv4/conf/outside/rp_filter", "0"),
		r.Router.Set("net/ipv4/conf/inside/rp_filter", "0"),
		r.Router.IP("route", "add", "172.16.0.0/16", "via", rig.OutsideHost),
		r.Router.IP("route", "add", "172.20.0.0/16", "via", rig.InsideHost),
	))
	var macs [2]wire.MAC
	s.must(r.Router.Do(func() error {
		for i, name := range []string{"outside", "inside"} {
			if macs[i], err = macOf(name); err != nil {
				return err
			}
		}
		return nil
	}))
	return s.ends(r.Outside, "eth0", macs[0], r.Inside, "eth0", macs[1])
}
