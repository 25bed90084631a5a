package stack

import (
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"
)

// plug is one end of a cable. What it sends and the other end does not read in
// time is lost.
type plug struct {
	name   string
	mac    [6]byte
	mtu    int
	in     chan []byte
	peer   *plug
	closed chan struct{}
	once   sync.Once

	mu sync.Mutex
	// writeError is what WriteFrame returns, if set.
	writeError error
	// mangle says which frames arrive instead of one, if set.
	mangle func(frame []byte) [][]byte
}

func newCable(mtu int) (a, b *plug) {
	end := func(name string, last byte) *plug {
		return &plug{name: name, mac: [6]byte{2, 0, 0, 0, 0, last}, mtu: mtu, in: make(chan []byte, 1024), closed: make(chan struct{})}
	}
	a, b = end("net0", 1), end("peer0", 2)
	a.peer, b.peer = b, a
	return a, b
}

func (p *plug) Name() string { return p.name }
func (p *plug) MAC() [6]byte { return p.mac }
func (p *plug) MTU() int     { return p.mtu }

func (p *plug) ReadFrame(b []byte) (int, error) {
	select {
	case f := <-p.in:
		return copy(b, f), nil
	case <-p.closed:
		return 0, os.ErrClosed
	}
}

func (p *plug) TryReadFrame(b []byte) (int, bool, error) {
	select {
	case f := <-p.in:
		return copy(b, f), true, nil
	default:
		return 0, false, nil
	}
}

func (p *plug) WriteFrame(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.writeError != nil {
		return p.writeError
	}
	frames := [][]byte{append([]byte(nil), b...)}
	if p.mangle != nil {
		frames = p.mangle(frames[0])
	}
	for _, f := range frames {
		select {
		case p.peer.in <- f:
		default:
		}
	}
	return nil
}

// bad makes a cable lose, double, delay and damage a share of the frames.
func (p *plug) bad(share float64) {
	var late []byte
	p.mangle = func(frame []byte) (frames [][]byte) {
		switch r := rand.Float64() / share; {
		case r < 1:
		case r < 2:
			frames = [][]byte{frame, append([]byte(nil), frame...)}
		case r < 3 && late == nil:
			late = frame
			return nil
		case r < 4:
			frame[14+rand.N(len(frame)-14)] ^= 1 << rand.N(8)
			fallthrough
		default:
			frames = [][]byte{frame}
		}
		if late != nil && rand.N(4) == 0 {
			frames, late = append(frames, late), nil
		}
		return frames
	}
}

func (p *plug) failWrites(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writeError = err
}

func (p *plug) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// small are the limits of a guest with 32 MB. The tests' own memory is more.
var small = func() limits {
	l := limitsFor(20 << 20)
	l.memory = math.MaxInt64
	return l
}()

// start starts a stack of a small guest on devices with arguments, and closes it
// at the end of the test. It returns what was logged, too.
func start(t testing.TB, args string, nics ...*plug) (*Net, *lines) {
	t.Helper()
	return startSmall(t, small, args, nics...)
}

// startSmall is start with other limits.
func startSmall(t testing.TB, l limits, args string, nics ...*plug) (*Net, *lines) {
	t.Helper()
	var names []string
	var devices []NIC
	for _, p := range nics {
		names, devices = append(names, p.name), append(devices, p)
	}
	cfg, _, err := Parse(strings.Fields(args), names)
	if err != nil {
		t.Fatal(err)
	}
	log := new(lines)
	n, err := startWith(l, devices, cfg, NewLogger(log, cfg.Level))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n, log
}

// lines collects what a Logger prints.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// waitFor waits until a condition holds; the time is far more than it takes.
func waitFor(t testing.TB, what string, f func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// noLeaks fails the test if goroutines are left at its end. It must be called
// before what starts them.
func noLeaks(t testing.TB) {
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				buf := make([]byte, 1<<20)
				t.Errorf("%d goroutines before, %d after:\n%s", before, runtime.NumGoroutine(), buf[:runtime.Stack(buf, true)])
				return
			}
		}
	})
}

func full(a string) tcpip.FullAddress {
	p := netip.MustParseAddrPort(a)
	f := tcpip.FullAddress{Port: p.Port()}
	if !p.Addr().IsUnspecified() {
		f.Addr = toAddress(p.Addr())
	}
	return f
}

func protocolOf(a string) tcpip.NetworkProtocolNumber {
	if netip.MustParseAddrPort(a).Addr().Is4() {
		return ipv4.ProtocolNumber
	}
	return ipv6.ProtocolNumber
}

// echoServer returns what it reads, on every connection.
func echoServer(t testing.TB, n *Net, at string) {
	t.Helper()
	queue := new(waiter.Queue)
	ep, err := n.stack.NewEndpoint(tcp.ProtocolNumber, protocolOf(at), queue)
	if err != nil {
		t.Fatal(err)
	}
	if err := ep.Bind(full(at)); err != nil {
		t.Fatalf("binding %s: %s", at, err)
	}
	if err := ep.Listen(n.Backlog()); err != nil {
		t.Fatalf("listening at %s: %s", at, err)
	}
	l := gonet.NewTCPListener(n.stack, queue, ep)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				io.Copy(c, c)
			}()
		}
	}()
}

func dial(t testing.TB, n *Net, to string) net.Conn {
	t.Helper()
	c, err := gonet.DialTCP(n.stack, full(to), protocolOf(to))
	if err != nil {
		t.Fatalf("%s: %v", to, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
