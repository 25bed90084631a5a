package stack

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

// dhcpServer is a server's side of the protocol.
type dhcpServer struct {
	addr    netip.Addr
	give    netip.Addr
	seconds uint32
	options dhcpv4.Options
	// deaf: messages that the server does not answer.
	deaf func(kind dhcpv4.MessageType, unicast bool) bool
	// nak: refuse requests.
	nak bool
	// got lists the messages that came, with the time since the start.
	got   []string
	began time.Time
}

func newServer() *dhcpServer {
	return &dhcpServer{addr: netip.MustParseAddr("10.0.0.1"), give: netip.MustParseAddr("10.0.0.9"), seconds: 3600, began: time.Now(),
		options: dhcpv4.Options{
			dhcpv4.OptionSubnetMask.Code():       {255, 255, 255, 0},
			dhcpv4.OptionRouter.Code():           {10, 0, 0, 1},
			dhcpv4.OptionDomainNameServer.Code(): {10, 0, 0, 1, 10, 0, 0, 3},
		}}
}

// answer gives the answer to a message, nil if there is none.
func (s *dhcpServer) answer(m *dhcpv4.DHCPv4, unicast bool) *dhcpv4.DHCPv4 {
	kind := messageType(m)
	line := time.Since(s.began).Round(time.Second).String() + " " + kind.String()
	if unicast {
		line += " unicast"
	}
	s.got = append(s.got, line)
	if s.deaf != nil && s.deaf(kind, unicast) {
		return nil
	}
	r := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootReply, HWType: m.HWType, TransactionID: m.TransactionID, ClientHWAddr: m.ClientHWAddr,
		YourIPAddr: net.IP(s.give.AsSlice()), Options: dhcpv4.Options{}}
	for k, v := range s.options {
		r.Options[k] = v
	}
	r.Options[dhcpv4.OptionServerIdentifier.Code()] = s.addr.AsSlice()
	r.Options[dhcpv4.OptionIPAddressLeaseTime.Code()] = binary.BigEndian.AppendUint32(nil, s.seconds)
	switch {
	case kind == dhcpv4.MessageTypeDiscover:
		setType(r, dhcpv4.MessageTypeOffer)
	case kind == dhcpv4.MessageTypeRequest && s.nak:
		setType(r, dhcpv4.MessageTypeNak)
	case kind == dhcpv4.MessageTypeRequest:
		setType(r, dhcpv4.MessageTypeAck)
	default:
		return nil
	}
	return r
}

func setType(m *dhcpv4.DHCPv4, kind dhcpv4.MessageType) {
	m.Options[dhcpv4.OptionDHCPMessageType.Code()] = []byte{byte(kind)}
}

// dhcpRig is a client and a server without a network, in a bubble of synctest.
type dhcpRig struct {
	*dhcpServer
	client *dhcpClient
	used   map[netip.Addr]bool
	leases []string // what was set, with the time since the start
	log    lines
}

// runClient runs a client for a time. The frames are real ones.
func runClient(t *testing.T, d time.Duration, prepare func(*dhcpRig)) (rig *dhcpRig) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		rig = &dhcpRig{dhcpServer: newServer(), used: make(map[netip.Addr]bool)}
		mac := [6]byte{2, 0, 0, 0, 0, 1}
		rig.client = &dhcpClient{name: "net0", mac: mac, mtu: 1500, hostname: "web", log: NewLogger(&rig.log, LevelDebug),
			replies: make(chan *dhcpv4.DHCPv4, 8),
			inUse:   func(_ context.Context, a netip.Addr) bool { return rig.used[a] },
			set: func(l *lease) {
				what := "none"
				if l != nil {
					what = l.address.String()
				}
				rig.leases = append(rig.leases, time.Since(rig.began).Round(time.Second).String()+" "+what)
			},
			send: func(m *dhcpv4.DHCPv4, from, to netip.Addr) error {
				if got := netip.AddrFrom4([4]byte(append(slices.Clone(m.ClientIPAddr.To4()), 0, 0, 0, 0))); got != from {
					t.Errorf("from %s: client address %s", from, got)
				}
				if r := rig.answer(m, to.IsValid()); r != nil {
					rig.client.receive(serverFrame(rig.addr, r))
				}
				return nil
			},
		}
		prepare(rig)
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		rig.client.run(ctx)
	})
	return rig
}

// serverFrame is the frame in which a server sends a message to all.
func serverFrame(from netip.Addr, m *dhcpv4.DHCPv4) []byte {
	frame := dhcpBroadcast("\x02\x00\x00\x00\x00\x05", from, m.ToBytes())
	binary.BigEndian.PutUint16(frame[udpAt:], dhcpServerPort)
	binary.BigEndian.PutUint16(frame[udpAt+2:], dhcpClientPort)
	return frame // the checksum does not depend on the order of the ports
}

func checkLines(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A lease is renewed with its server at half its time.
func TestDHCPRenew(t *testing.T) {
	r := runClient(t, 2*time.Hour-time.Second, func(*dhcpRig) {})
	checkLines(t, "messages", r.got, "0s DISCOVER", "0s REQUEST", "30m0s REQUEST unicast", "1h0m0s REQUEST unicast", "1h30m0s REQUEST unicast")
	checkLines(t, "leases", r.leases, "0s 10.0.0.9/24", "30m0s 10.0.0.9/24", "1h0m0s 10.0.0.9/24", "1h30m0s 10.0.0.9/24")
}

// The server's own times count.
func TestDHCPTimes(t *testing.T) {
	r := runClient(t, 301*time.Second, func(r *dhcpRig) {
		r.options[dhcpv4.OptionRenewTimeValue.Code()] = []byte{0, 0, 0, 100}
		r.options[dhcpv4.OptionRebindingTimeValue.Code()] = []byte{0, 0, 0, 200}
	})
	checkLines(t, "messages", r.got, "0s DISCOVER", "0s REQUEST", "1m40s REQUEST unicast", "3m20s REQUEST unicast", "5m0s REQUEST unicast")
}

// A server that is gone is asked again and again, ever sooner; then all servers
// are; then the address is given up and everything starts anew.
func TestDHCPExpiry(t *testing.T) {
	r := runClient(t, time.Hour+5*time.Second, func(r *dhcpRig) {
		r.deaf = func(dhcpv4.MessageType, bool) bool { return time.Since(r.began) > time.Minute }
	})
	if want := []string{"0s 10.0.0.9/24", "1h0m0s none"}; !slices.Equal(r.leases, want) {
		t.Errorf("leases %q", r.leases)
	}
	checkLines(t, "messages", r.got[:14], "0s DISCOVER", "0s REQUEST",
		"30m0s REQUEST unicast", "41m15s REQUEST unicast", "46m53s REQUEST unicast", "49m41s REQUEST unicast", "51m6s REQUEST unicast",
		"52m6s REQUEST unicast",
		"52m30s REQUEST", "56m15s REQUEST", "58m8s REQUEST", "59m8s REQUEST",
		"1h0m0s DISCOVER", r.got[13])
	if !strings.Contains(r.log.String(), "warn: net0: the lease of 10.0.0.9/24 has ended") && !strings.Contains(r.log.String(), "the lease of 10.0.0.9 has ended") {
		t.Errorf("log %q", r.log.String())
	}
}

// Another server takes over when the first is gone.
func TestDHCPRebind(t *testing.T) {
	r := runClient(t, 55*time.Minute, func(r *dhcpRig) {
		r.deaf = func(_ dhcpv4.MessageType, unicast bool) bool { return unicast }
	})
	checkLines(t, "leases", r.leases, "0s 10.0.0.9/24", "52m30s 10.0.0.9/24")
}

// A refusal takes the address away at once; the next one may be another.
func TestDHCPRefused(t *testing.T) {
	r := runClient(t, 32*time.Minute, func(r *dhcpRig) {
		answer := r.client.send
		r.client.send = func(m *dhcpv4.DHCPv4, from, to netip.Addr) error {
			r.nak = to.IsValid()
			if r.nak {
				r.give = netip.MustParseAddr("10.0.0.10")
			}
			return answer(m, from, to)
		}
	})
	checkLines(t, "leases", r.leases, "0s 10.0.0.9/24", "30m0s none", "30m0s 10.0.0.10/24")
}

// A server that offers and refuses is not asked in a loop without pauses.
func TestDHCPAlwaysRefused(t *testing.T) {
	r := runClient(t, 10*time.Minute, func(r *dhcpRig) { r.nak = true })
	if len(r.leases) != 0 || len(r.got) > 2*20 {
		t.Errorf("leases %q, %d messages", r.leases, len(r.got))
	}
}

// Without a server the pauses grow to a minute, and it goes on.
func TestDHCPSilence(t *testing.T) {
	r := runClient(t, time.Hour, func(r *dhcpRig) {
		r.deaf = func(dhcpv4.MessageType, bool) bool { return time.Since(r.began) < 50*time.Minute }
	})
	if len(r.leases) == 0 || len(r.got) < 45 || len(r.got) > 80 {
		t.Errorf("leases %q, %d messages", r.leases, len(r.got))
	}
}

// Requests that get lost are repeated.
func TestDHCPLostRequest(t *testing.T) {
	lost := 0
	r := runClient(t, time.Minute, func(r *dhcpRig) {
		r.deaf = func(kind dhcpv4.MessageType, _ bool) bool {
			lost++
			return kind == dhcpv4.MessageTypeRequest && lost < 4
		}
	})
	if len(r.leases) != 1 {
		t.Errorf("leases %q, messages %q", r.leases, r.got)
	}
}

// An address that another host has is declined, and the server asked again.
func TestDHCPDecline(t *testing.T) {
	r := runClient(t, time.Minute, func(r *dhcpRig) {
		r.used[r.give] = true
		r.deaf = func(kind dhcpv4.MessageType, _ bool) bool {
			if kind == dhcpv4.MessageTypeDecline {
				r.give = netip.MustParseAddr("10.0.0.10")
			}
			return false
		}
	})
	checkLines(t, "messages", r.got, "0s DISCOVER", "0s REQUEST", "0s DECLINE", "10s DISCOVER", "10s REQUEST")
	checkLines(t, "leases", r.leases, "10s 10.0.0.10/24")
}

func TestDHCPInfinite(t *testing.T) {
	r := runClient(t, 1000*time.Hour, func(r *dhcpRig) { r.seconds = 0xffffffff })
	checkLines(t, "messages", r.got, "0s DISCOVER", "0s REQUEST")
}

// Leases of one second are the shortest there are.
func TestDHCPShort(t *testing.T) {
	r := runClient(t, 10*time.Second, func(r *dhcpRig) { r.seconds = 1 })
	if len(r.got) < 15 || len(r.got) > 25 || strings.Contains(strings.Join(r.leases, " "), "none") {
		t.Errorf("%d messages, leases %q", len(r.got), r.leases)
	}
}

// Answers that are for others, or make no sense, are not used.
func TestDHCPForeign(t *testing.T) {
	for name, spoil := range map[string]func(*dhcpv4.DHCPv4){
		"transaction":  func(m *dhcpv4.DHCPv4) { m.TransactionID[0] ^= 1 },
		"client":       func(m *dhcpv4.DHCPv4) { m.ClientHWAddr = net.HardwareAddr{2, 0, 0, 0, 0, 9} },
		"request":      func(m *dhcpv4.DHCPv4) { m.OpCode = dhcpv4.OpcodeBootRequest },
		"no type":      func(m *dhcpv4.DHCPv4) { delete(m.Options, dhcpv4.OptionDHCPMessageType.Code()) },
		"no server":    func(m *dhcpv4.DHCPv4) { delete(m.Options, dhcpv4.OptionServerIdentifier.Code()) },
		"no time":      func(m *dhcpv4.DHCPv4) { delete(m.Options, dhcpv4.OptionIPAddressLeaseTime.Code()) },
		"time 0":       func(m *dhcpv4.DHCPv4) { m.Options[dhcpv4.OptionIPAddressLeaseTime.Code()] = make([]byte, 4) },
		"mask":         func(m *dhcpv4.DHCPv4) { m.Options[dhcpv4.OptionSubnetMask.Code()] = []byte{255, 0, 255, 0} },
		"mask 0":       func(m *dhcpv4.DHCPv4) { m.Options[dhcpv4.OptionSubnetMask.Code()] = make([]byte, 4) },
		"short mask":   func(m *dhcpv4.DHCPv4) { m.Options[dhcpv4.OptionSubnetMask.Code()] = []byte{255} },
		"multicast":    func(m *dhcpv4.DHCPv4) { m.YourIPAddr = net.IP{224, 0, 0, 1} },
		"zero":         func(m *dhcpv4.DHCPv4) { m.YourIPAddr = net.IP{0, 0, 0, 0} },
		"loopback":     func(m *dhcpv4.DHCPv4) { m.YourIPAddr = net.IP{127, 0, 0, 1} },
		"network":      func(m *dhcpv4.DHCPv4) { m.YourIPAddr = net.IP{10, 0, 0, 0} },
		"acknowledged": func(m *dhcpv4.DHCPv4) { setType(m, dhcpv4.MessageTypeAck) },
	} {
		t.Run(name, func(t *testing.T) {
			r := runClient(t, time.Minute, func(r *dhcpRig) {
				r.client.send = func(m *dhcpv4.DHCPv4, _, to netip.Addr) error {
					if answer := r.answer(m, to.IsValid()); answer != nil {
						spoil(answer)
						r.client.receive(serverFrame(r.addr, answer))
					}
					return nil
				}
			})
			if len(r.leases) != 0 {
				t.Errorf("leases %q", r.leases)
			}
		})
	}
}
