package stack

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/iana"
)

// Times of the protocol.
const (
	firstRetry   = time.Second      // until the second DISCOVER; doubles
	lastRetry    = 64 * time.Second // RFC 2131, section 4.1
	requestTries = 4
	declinePause = 10 * time.Second // RFC 2131, section 3.1
	minExtend    = time.Second      // between two tries to extend a lease
	maxExtend    = time.Minute      // RFC 2131, section 4.4.5
)

// dhcpClient obtains a lease and keeps it (RFC 2131).
type dhcpClient struct {
	name     string // of the interface, for messages
	mac      [6]byte
	hostname string // to tell the server, or empty
	mtu      int    // largest message to accept
	log      *Logger

	// send sends a message from an address, to a server or, if that is not
	// valid, to all.
	send func(m *dhcpv4.DHCPv4, from, to netip.Addr) error
	// inUse reports whether another host has an address.
	inUse func(ctx context.Context, a netip.Addr) bool
	// set is called with each lease, and with nil when it is lost.
	set func(*lease)

	replies chan *dhcpv4.DHCPv4
}

// receive takes a frame from the reader. It does not wait: what comes faster than
// the client works is lost, as the network may lose it too.
func (c *dhcpClient) receive(frame []byte) {
	payload, ok := dhcpPayload(frame)
	if !ok {
		return
	}
	m, err := dhcpv4.FromBytes(payload)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootReply || string(m.ClientHWAddr) != string(c.mac[:]) {
		return
	}
	select {
	case c.replies <- m:
	default:
	}
}

// run works until the context ends. The lease is not given back then: a guest that
// starts anew gets the same.
func (c *dhcpClient) run(ctx context.Context) {
	for ctx.Err() == nil {
		if l := c.acquire(ctx); l != nil {
			c.keep(ctx, l)
		}
	}
}

// acquire gets a lease from any server. It gives up with the context only.
func (c *dhcpClient) acquire(ctx context.Context) *lease {
	began := time.Now()
	discover := c.message(dhcpv4.MessageTypeDiscover)
	for delay := firstRetry; ctx.Err() == nil; delay = min(2*delay, lastRetry) {
		next := time.Now().Add(jitter(delay))
		setSeconds(discover, began)
		c.transmit(discover, netip.IPv4Unspecified(), netip.Addr{})
		// Servers may take longer than the delay: an offer in reply to an
		// earlier message counts too.
		offer := c.await(ctx, time.Until(next), discover.TransactionID, time.Now(), dhcpv4.MessageTypeOffer)
		if offer.lease != nil {
			l := c.request(ctx, discover, offer.lease)
			if l != nil && !c.inUse(ctx, l.address.Addr()) {
				return l
			}
			if l != nil && ctx.Err() == nil {
				c.decline(l)
				next = time.Now().Add(max(jitter(delay), declinePause))
			}
		}
		sleep(ctx, time.Until(next))
	}
	return nil
}

// request asks for what a server has offered, in the transaction of discover.
func (c *dhcpClient) request(ctx context.Context, discover *dhcpv4.DHCPv4, offer *lease) *lease {
	m := c.message(dhcpv4.MessageTypeRequest)
	m.TransactionID, m.NumSeconds = discover.TransactionID, discover.NumSeconds
	m.Options[dhcpv4.OptionRequestedIPAddress.Code()] = offer.address.Addr().AsSlice()
	m.Options[dhcpv4.OptionServerIdentifier.Code()] = offer.server.AsSlice()
	delay := firstRetry
	for range requestTries {
		sent := time.Now()
		c.transmit(m, netip.IPv4Unspecified(), netip.Addr{})
		r := c.await(ctx, jitter(delay), m.TransactionID, sent, dhcpv4.MessageTypeAck)
		if r.refused {
			c.log.Printf(LevelWarn, "%s: DHCP server %s has taken back its offer of %s", c.name, offer.server, offer.address.Addr())
			return nil
		}
		if r.lease != nil || ctx.Err() != nil {
			return r.lease
		}
		delay *= 2
	}
	return nil
}

// decline tells the server that another host uses the address of a lease.
func (c *dhcpClient) decline(l *lease) {
	c.log.Printf(LevelWarn, "%s: %s, which DHCP server %s gives, is used by another host", c.name, l.address.Addr(), l.server)
	m := c.message(dhcpv4.MessageTypeDecline)
	m.Options[dhcpv4.OptionRequestedIPAddress.Code()] = l.address.Addr().AsSlice()
	m.Options[dhcpv4.OptionServerIdentifier.Code()] = l.server.AsSlice()
	c.transmit(m, netip.IPv4Unspecified(), netip.Addr{})
}

// keep uses a lease and extends it until it is lost or the context ends.
func (c *dhcpClient) keep(ctx context.Context, l *lease) {
	for l != nil {
		c.set(l)
		if l.infinite {
			<-ctx.Done()
			return
		}
		sleep(ctx, time.Until(l.since.Add(l.renew)))
		l = c.extend(ctx, l)
	}
	if ctx.Err() == nil {
		c.set(nil)
	}
}

// extend asks for more time: first the server, from some time on all servers (RFC
// 2131, section 4.4.5). It returns nil when the lease is lost.
func (c *dhcpClient) extend(ctx context.Context, l *lease) *lease {
	began := time.Now()
	shortest := min(max(l.expires/60, minExtend), maxExtend)
	rebind, expires := l.since.Add(l.rebind), l.since.Add(l.expires)
	m := c.message(dhcpv4.MessageTypeRequest)
	m.ClientIPAddr = l.address.Addr().AsSlice()
	for now := began; ctx.Err() == nil && now.Before(expires); now = time.Now() {
		to, until := l.server, rebind
		if !now.Before(rebind) {
			to, until = netip.Addr{}, expires
		}
		setSeconds(m, began)
		c.transmit(m, l.address.Addr(), to)
		left := until.Sub(now)
		r := c.await(ctx, min(max(left/2, shortest), left), m.TransactionID, now, dhcpv4.MessageTypeAck)
		if r.lease != nil {
			return r.lease
		}
		if r.refused {
			c.log.Printf(LevelWarn, "%s: a DHCP server refuses to extend the lease of %s", c.name, l.address.Addr())
			return nil
		}
	}
	if ctx.Err() == nil {
		c.log.Printf(LevelWarn, "%s: the lease of %s has ended", c.name, l.address.Addr())
	}
	return nil
}

// reply is the outcome of a message: at most one of its fields is set.
type reply struct {
	lease   *lease
	refused bool
}

// await waits for the answer to a message that was sent at a time.
func (c *dhcpClient) await(ctx context.Context, d time.Duration, id dhcpv4.TransactionID, sent time.Time, want dhcpv4.MessageType) reply {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return reply{}
		case <-timer.C:
			return reply{}
		case m := <-c.replies:
			if m.TransactionID != id {
				continue
			}
			switch kind := messageType(m); {
			case kind == dhcpv4.MessageTypeNak && want == dhcpv4.MessageTypeAck:
				return reply{refused: true}
			case kind == want:
				l, err := parseLease(m, sent)
				if err == nil {
					return reply{lease: l}
				}
				c.log.Printf(LevelWarn, "%s: a DHCP server's %s is of no use: %v", c.name, kind, err)
			}
		}
	}
}

func messageType(m *dhcpv4.DHCPv4) dhcpv4.MessageType {
	if v := m.Options.Get(dhcpv4.OptionDHCPMessageType); len(v) == 1 {
		return dhcpv4.MessageType(v[0])
	}
	return dhcpv4.MessageTypeNone
}

// wanted are the options that the client asks for.
var wanted = []dhcpv4.OptionCode{
	dhcpv4.OptionSubnetMask, dhcpv4.OptionClasslessStaticRoute, dhcpv4.OptionRouter, dhcpv4.OptionDomainNameServer,
	dhcpv4.OptionHostName, dhcpv4.OptionDomainName, dhcpv4.OptionInterfaceMTU, dhcpv4.OptionDNSDomainSearchList,
	dhcpv4.OptionRenewTimeValue, dhcpv4.OptionRebindingTimeValue,
}

// message makes a message of a new transaction.
func (c *dhcpClient) message(kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{
		OpCode: dhcpv4.OpcodeBootRequest, HWType: iana.HWTypeEthernet, ClientHWAddr: net.HardwareAddr(c.mac[:]),
		Options: dhcpv4.Options{
			dhcpv4.OptionDHCPMessageType.Code():        {byte(kind)},
			dhcpv4.OptionClientIdentifier.Code():       append([]byte{byte(iana.HWTypeEthernet)}, c.mac[:]...),
			dhcpv4.OptionMaximumDHCPMessageSize.Code(): binary.BigEndian.AppendUint16(nil, uint16(max(c.mtu, dhcpv4.MaxMessageSize))),
		},
	}
	binary.BigEndian.PutUint32(m.TransactionID[:], rand.Uint32())
	if kind == dhcpv4.MessageTypeDecline {
		delete(m.Options, dhcpv4.OptionMaximumDHCPMessageSize.Code())
		return m
	}
	list := make([]byte, 0, len(wanted))
	for _, code := range wanted {
		list = append(list, code.Code())
	}
	m.Options[dhcpv4.OptionParameterRequestList.Code()] = list
	if c.hostname != "" {
		m.Options[dhcpv4.OptionHostName.Code()] = []byte(c.hostname)
	}
	return m
}

// setSeconds says how long the client has been trying.
func setSeconds(m *dhcpv4.DHCPv4, began time.Time) {
	m.NumSeconds = uint16(min(time.Since(began)/time.Second, 1<<16-1))
}

func (c *dhcpClient) transmit(m *dhcpv4.DHCPv4, from, to netip.Addr) {
	if err := c.send(m, from, to); err != nil {
		c.log.Printf(LevelDebug, "%s: %v", c.name, fmt.Errorf("sending a DHCP message: %w", err))
	}
}

// jitter spreads a delay by a quarter up or down, so that guests that start
// together do not stay together.
func jitter(d time.Duration) time.Duration { return d*3/4 + rand.N(d/2) }

// sleep waits for a time or until the context ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
