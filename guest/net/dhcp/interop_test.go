package dhcp

import (
	"net"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"tender/guest/net/nettest"
	"tender/guest/net/wire"
)

// TestInterop talks to a server whose messages another implementation reads
// and makes.
func TestInterop(t *testing.T) {
	var c *Client
	var kinds []dhcpv4.MessageType
	var replies [][]byte
	server := net.IPv4(10, 9, 0, 1)
	c = New(Config{
		MAC: mac, Hostname: "fw",
		Send: func(b []byte, from, to wire.Addr4) {
			q, err := dhcpv4.FromBytes(b)
			if err != nil {
				t.Fatal(err)
			}
			kinds = append(kinds, q.MessageType())
			if q.HostName() != "fw" || q.ClientHWAddr.String() != mac.String() || !q.IsOptionRequested(dhcpv4.OptionRouter) || q.IsBroadcast() == (len(kinds) == 3) {
				t.Errorf("message %v", q.Summary())
			}
			kind := dhcpv4.MessageTypeOffer
			if q.MessageType() == dhcpv4.MessageTypeRequest {
				kind = dhcpv4.MessageTypeAck
			}
			r, err := dhcpv4.NewReplyFromRequest(q, dhcpv4.WithMessageType(kind), dhcpv4.WithYourIP(net.IPv4(10, 9, 3, 4)),
				dhcpv4.WithNetmask(net.CIDRMask(20, 32)), dhcpv4.WithRouter(server), dhcpv4.WithDNS(server, net.IPv4(8, 8, 8, 8)),
				dhcpv4.WithLeaseTime(600), dhcpv4.WithServerIP(server), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(server)))
			if err != nil {
				t.Fatal(err)
			}
			replies = append(replies, r.ToBytes())
		},
		Changed: func(*Lease) {},
	})
	now := second
	step := func() {
		for len(replies) > 0 {
			r := replies[0]
			replies = replies[1:]
			c.Receive(r, now)
		}
	}
	c.Tick(now)
	step()
	l, ok := c.Lease()
	if !ok || l.Address != nettest.Prefix("10.9.3.4/20") || l.Router != nettest.Addr("10.9.0.1") || l.Duration != 600*time.Second ||
		len(l.DNS) != 2 || l.DNS[1] != nettest.Addr("8.8.8.8") {
		t.Fatalf("lease %+v %v", l, ok)
	}
	now = c.Deadline()
	c.Tick(now)
	step()
	if want := []dhcpv4.MessageType{dhcpv4.MessageTypeDiscover, dhcpv4.MessageTypeRequest, dhcpv4.MessageTypeRequest}; len(kinds) != 3 || kinds[2] != want[2] || kinds[0] != want[0] {
		t.Errorf("messages %v", kinds)
	}
	if d := c.Deadline() - now; d != 300*second {
		t.Errorf("renewed for %d s", d/second)
	}
}
