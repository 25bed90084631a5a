package dhcp

import (
	"math"
	"math/rand/v2"
	"time"

	"tender/guest/net/wire"
)

// Times of the protocol.
const (
	// firstWait and lastWait are how long an answer is waited for, at first
	// and at most; the time doubles, give or take a second (RFC 2131 §4.1).
	firstWait = 4 * time.Second
	lastWait  = 64 * time.Second
	// minRenewWait is that while there is a lease.
	minRenewWait = 60 * time.Second
	// requests is how often an offer is asked for before starting over.
	requests = 3
	// minLease bounds how often a server can make us ask.
	minLease = 10 * time.Second
)

// Never is the deadline of a client with nothing to wait for.
const Never int64 = math.MaxInt64

// Config is what a client is made from.
type Config struct {
	MAC wire.MAC
	// Hostname is told to the server; may be empty.
	Hostname string
	// Send sends a message from ClientPort to ServerPort: from address from to
	// server to, or, if both are 0, to everybody. It must not keep the message.
	Send func(message []byte, from, to wire.Addr4)
	// Changed is called with a new or changed lease, and with nil when there
	// is none any more.
	Changed func(l *Lease)
}

// Client asks for a lease and keeps it. It is for one goroutine. Times are
// nanoseconds of a clock that does not go back.
type Client struct {
	config  Config
	state   state
	xid     uint32
	offer   Lease
	lease   Lease
	message [MessageLen]byte
	// startNanos is when this attempt began, boundNanos when the lease did, and
	// nextNanos when to do something.
	startNanos, boundNanos, nextNanos int64
	wait                              time.Duration
	tries                             int
}

type state uint8

const (
	idle state = iota
	selecting
	requesting
	bound
	renewing
	rebinding
)

// New makes a client that asks at its first Tick.
func New(c Config) *Client { return &Client{config: c} }

// Lease returns the lease there is, if any.
func (c *Client) Lease() (Lease, bool) { return c.lease, c.state >= bound }

// Deadline is when Tick has something to do.
func (c *Client) Deadline() int64 {
	if c.state == idle {
		return 0
	}
	return c.nextNanos
}

// Tick does what is due.
func (c *Client) Tick(nowNanos int64) {
	if c.state != idle && nowNanos < c.nextNanos {
		return
	}
	switch c.state {
	case idle:
		c.start(nowNanos)
	case selecting:
		c.discover(nowNanos)
	case requesting:
		if c.tries >= requests {
			c.start(nowNanos)
			return
		}
		c.request(nowNanos)
	default:
		c.extend(nowNanos)
	}
}

// start begins from nothing.
func (c *Client) start(nowNanos int64) {
	c.state, c.xid, c.startNanos, c.wait = selecting, rand.Uint32(), nowNanos, firstWait
	c.discover(nowNanos)
}

func (c *Client) discover(nowNanos int64) {
	c.build(c.message[:], discover, c.seconds(nowNanos), 0)
	c.config.Send(c.message[:], 0, 0)
	c.again(nowNanos)
}

func (c *Client) request(nowNanos int64) {
	c.tries++
	c.build(c.message[:], request, c.seconds(nowNanos), 0, option{optAddress, c.offer.Address.Addr}, option{optServer, c.offer.Server})
	c.config.Send(c.message[:], 0, 0)
	c.again(nowNanos)
}

// again sets the time for the next try.
func (c *Client) again(nowNanos int64) {
	jitter := time.Duration(rand.Int64N(int64(2*time.Second))) - time.Second
	c.nextNanos = nowNanos + int64(c.wait+jitter)
	c.wait = min(2*c.wait, lastWait)
}

// extend asks for more time: from the server at T1, from any at T2.
func (c *Client) extend(nowNanos int64) {
	held := time.Duration(nowNanos - c.boundNanos)
	if held >= c.lease.Duration {
		c.state = idle
		c.config.Changed(nil)
		c.start(nowNanos)
		return
	}
	if c.state == bound {
		c.xid, c.startNanos = rand.Uint32(), nowNanos
	}
	c.state = renewing
	until, to := c.lease.Rebind, c.lease.Server
	if held >= c.lease.Rebind {
		c.state, until, to = rebinding, c.lease.Duration, wire.Broadcast4
	}
	own := c.lease.Address.Addr
	c.build(c.message[:], request, c.seconds(nowNanos), own)
	c.config.Send(c.message[:], own, to)
	// Half of what is left, but not more often than once a minute, unless
	// the lease is shorter (RFC 2131 §4.4.5).
	left := until - held
	c.nextNanos = nowNanos + int64(min(left, max(left/2, minRenewWait)))
}

func (c *Client) seconds(nowNanos int64) uint16 {
	return uint16(min((nowNanos-c.startNanos)/int64(time.Second), math.MaxUint16))
}

// Receive takes the data of a datagram to ClientPort. What is no answer to the
// message last sent is ignored.
func (c *Client) Receive(data []byte, nowNanos int64) {
	m, ok := parse(data)
	if !ok || m.xid != c.xid || m.mac != c.config.MAC {
		return
	}
	switch c.state {
	case selecting:
		if l, ok := m.toLease(); m.kind == offer && ok {
			c.state, c.offer, c.tries, c.wait = requesting, l, 0, firstWait
			c.request(nowNanos)
		}
	case requesting:
		c.answered(&m, nowNanos)
	case renewing, rebinding:
		if m.server == 0 {
			m.server = c.lease.Server
		}
		c.answered(&m, nowNanos)
	}
}

// answered takes the answer to a request.
func (c *Client) answered(m *message, nowNanos int64) {
	had := c.state >= bound
	switch m.kind {
	case nak:
		if m.server != c.offer.Server && !had {
			return // another server's
		}
		c.state = idle
		if had {
			c.config.Changed(nil)
		}
		c.state = selecting
		c.wait, c.startNanos = firstWait, nowNanos
		c.xid = rand.Uint32()
		c.again(nowNanos) // not at once: a server that always says no must not keep us busy
	case ack:
		l, ok := m.toLease()
		if !ok || !had && l.Address != c.offer.Address {
			return
		}
		same := had && l.Address == c.lease.Address && l.Router == c.lease.Router
		c.state, c.lease, c.boundNanos = bound, l, nowNanos
		c.nextNanos = Never
		if l.Renew < math.MaxInt64-time.Duration(nowNanos) {
			c.nextNanos = nowNanos + int64(l.Renew)
		}
		if !same {
			c.config.Changed(&c.lease)
		}
	}
}
