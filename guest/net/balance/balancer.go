package balance

import (
	"fmt"
	"math"
	"time"

	"tender/guest/net/wire"
)

// MaxServers bounds a pool.
const MaxServers = 200

// MaxWaiting bounds a queue.
const MaxWaiting = 1 << 16

// Never is the deadline of a balancer with nothing to wait for.
const Never int64 = math.MaxInt64

// Server is where connections can go.
type Server struct {
	Addr wire.Addr
	Port uint16
}

// Config is what a balancer is made from; zero values of numbers stand for
// the defaults.
type Config struct {
	// Iface is the number of the interface that clients come in on, and Port
	// what they connect to, at an address of ours.
	Iface int
	Port  uint16
	// Servers are of one family, that of the clients.
	Servers []Server
	// SessionLimit is how many connections there can be at once, WaitLimit
	// how many more may wait; 1000 each. A negative WaitLimit lets none wait.
	SessionLimit, WaitLimit int
	// Interval is the time between two checks of a server, 2 s; Timeout how
	// long one is waited for, 1 s; and Failures how many in a row take a
	// server down, 2.
	Interval, Timeout time.Duration
	Failures          int
}

func (c *Config) setDefaults() {
	for _, d := range []struct {
		field *int
		value int
	}{{&c.SessionLimit, 1000}, {&c.WaitLimit, 1000}, {&c.Failures, 2}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if c.Interval == 0 {
		c.Interval = 2 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = time.Second
	}
	c.WaitLimit = max(c.WaitLimit, 0)
}

func (c *Config) check() error {
	switch {
	case c.Port == 0:
		return fmt.Errorf("has no port for its clients")
	case len(c.Servers) == 0 || len(c.Servers) > MaxServers:
		return fmt.Errorf("has %d servers: a pool has 1 to %d", len(c.Servers), MaxServers)
	case c.SessionLimit < 0 || c.WaitLimit > MaxWaiting:
		return fmt.Errorf("has a session limit of %d and a queue of %d: at most %d can wait", c.SessionLimit, c.WaitLimit, MaxWaiting)
	case c.Interval < 0 || c.Timeout < 0 || c.Timeout > c.Interval || c.Failures < 0:
		return fmt.Errorf("checks every %v for %v: a check must end before the next", c.Interval, c.Timeout)
	}
	for _, s := range c.Servers {
		switch {
		case s.Port == 0:
			return fmt.Errorf("server %v has no port", s.Addr)
		case s.Addr.IsZero() || s.Addr.Is4() != c.Servers[0].Addr.Is4():
			return fmt.Errorf("server %v is of another family than server %v", s.Addr, c.Servers[0].Addr)
		}
	}
	return nil
}

// Balancer is for one goroutine. Times are nanoseconds of a clock that does
// not go back.
type Balancer struct {
	config   Config
	servers  []server
	turn     int
	up       int
	waiting  queue
	counters Counters
}

// Counters count connections.
type Counters struct {
	// Sessions were given to a server; Waited are those of them that had to
	// wait.
	Sessions, Waited uint64
	// Refused found no place to wait, Expired waited in vain.
	Refused, Expired uint64
	// Up is the number of servers that are up now, Waiting that of
	// connections that wait.
	Up, Waiting int
}

// New makes a balancer, and all the memory it will ever use. All servers are
// down until they have been checked, which happens at once.
func New(c Config) (*Balancer, error) {
	c.setDefaults()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("balancer for port %d: it %w", c.Port, err)
	}
	b := &Balancer{config: c, servers: make([]server, len(c.Servers)), waiting: newQueue(c.WaitLimit)}
	for i := range b.servers {
		b.servers[i].Server = c.Servers[i]
	}
	return b, nil
}

// Config returns what the balancer was made from, defaults filled in.
func (b *Balancer) Config() Config { return b.config }

// Counters returns a copy.
func (b *Balancer) Counters() Counters {
	c := b.counters
	c.Up, c.Waiting = b.up, b.waiting.len()
	return c
}

// Server returns a server and whether it is up.
func (b *Balancer) Server(i int) (s Server, up bool) { return b.servers[i].Server, b.servers[i].up }

// Takes reports whether a connection to this port of ours, that came in on an
// interface with an address of a family, is for the balancer.
func (b *Balancer) Takes(iface int, port uint16, four bool) bool {
	return port == b.config.Port && iface == b.config.Iface && four == b.config.Servers[0].Addr.Is4()
}

// HasRoom reports whether one more connection can be given to a server, when
// there are so many sessions.
func (b *Balancer) HasRoom(sessions int) bool { return b.up > 0 && sessions < b.config.SessionLimit }

// Next returns the server whose turn it is. Precondition: HasRoom.
func (b *Balancer) Next() int {
	for {
		i := b.turn
		b.turn = (b.turn + 1) % len(b.servers)
		if b.servers[i].up {
			return i
		}
	}
}

// Began says that a server was given a connection.
func (b *Balancer) Began() { b.counters.Sessions++ }

// Deadline is when Due, or Expire, has something to do.
func (b *Balancer) Deadline() int64 {
	deadline := b.waiting.deadline()
	for i := range b.servers {
		deadline = min(deadline, b.servers[i].nextNanos)
	}
	return deadline
}
