package engine

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"tender/guest/net/filter"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// station is a network namespace with one TAP, whose other end is a port of
// the engine: a real Linux host on a cable. The namespace goes when the test
// ends, with all that is in it.
type station struct {
	tap  int
	work chan func()
}

// newStation makes a host with an address and a default route.
func newStation(t *testing.T, mac wire.MAC, mtu int, offloads bool, addr, gateway string) *station {
	t.Helper()
	s := &station{work: make(chan func())}
	ready := make(chan error)
	go func() {
		// The thread is never unlocked, so it ends with the goroutine and
		// takes the namespace along.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			err = s.configure(mac, mtu, offloads, addr, gateway)
		}
		ready <- err
		for f := range s.work {
			f()
		}
	}()
	t.Cleanup(func() { close(s.work) })
	if err := <-ready; err != nil {
		t.Fatalf("making a network namespace with a TAP: %v", err)
	}
	t.Cleanup(func() { unix.Close(s.tap) })
	return s
}

func (s *station) configure(mac wire.MAC, mtu int, offloads bool, addr, gateway string) (err error) {
	if s.tap, err = openTap("tap0", offloads); err != nil {
		return err
	}
	link, err := netlink.LinkByName("tap0")
	if err != nil {
		return err
	}
	a, err := netlink.ParseAddr(addr)
	if err != nil {
		return err
	}
	return errors.Join(
		netlink.LinkSetHardwareAddr(link, mac[:]),
		netlink.LinkSetMTU(link, mtu),
		netlink.AddrAdd(link, a),
		netlink.LinkSetUp(link),
		netlink.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Gw: net.ParseIP(gateway)}),
	)
}

// do runs f on a thread in the namespace; sockets and commands that f makes
// belong to it. f must return: it cannot end the test.
func (s *station) do(f func()) {
	done := make(chan struct{})
	s.work <- func() {
		defer close(done)
		f()
	}
	<-done
}

// run runs a command in the namespace and returns what it printed.
func (s *station) run(command string, args ...string) (text string, err error) {
	s.do(func() {
		var b []byte
		b, err = exec.Command(command, args...).CombinedOutput()
		text = string(b)
	})
	return text, err
}

// cable is an engine between two stations.
type cable struct {
	*Engine
	client, server *station
	ports          [2]*tapPort
	lost           float64
	// access is the VLAN that the server's cable is in, without knowing it,
	// or 0.
	access  uint16
	stop    chan struct{}
	stopped chan struct{}
}

// cables are what a cable can be like.
type cables struct {
	// lost is the share of frames that gets lost before the engine, and of
	// those left, after it.
	lost float64
	// offloads says which TAPs have them.
	offloads [2]bool
	// serverMTU is what the server takes for the MTU of its cable, which is
	// 1400; 0 stands for that.
	serverMTU int
}

// newCable lets the engine run until finish is called.
func newCable(t *testing.T, lost float64, change ...func(*Config)) *cable {
	t.Helper()
	return cables{lost: lost}.lay(t, change...)
}

func (k cables) lay(t *testing.T, change ...func(*Config)) *cable {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces and TAPs")
	}
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		t.Skipf("needs TAPs: %v", err)
	}
	if k.serverMTU == 0 {
		k.serverMTU = 1400
	}
	c := &cable{
		client:  newStation(t, client.mac, 1500, k.offloads[outside], "10.0.0.1/24", outsideIP.String()),
		server:  newStation(t, server.mac, k.serverMTU, k.offloads[inside], "192.168.0.20/24", insideIP.String()),
		lost:    k.lost,
		stop:    make(chan struct{}),
		stopped: make(chan struct{}),
	}
	for i, s := range []*station{c.client, c.server} {
		c.ports[i] = &tapPort{t: t, fd: s.tap, lost: k.lost, offloads: k.offloads[i]}
	}
	conf := config(t, [2]Port{c.ports[0], c.ports[1]})
	conf.Interfaces[inside].MTU = 1400
	conf.Flows = 1000
	conf.Forward = linuxPolicy(t)
	for _, f := range change {
		f(&conf)
	}
	var err error
	if c.Engine, err = New(conf); err != nil {
		t.Fatal(err)
	}
	for _, n := range conf.Interfaces {
		c.access = max(c.access, n.VLAN)
	}
	go c.loop()
	t.Cleanup(c.finish)
	return c
}

// linuxPolicy lets the client reach TCP 80 to 90, UDP 53 to 54 and pings.
func linuxPolicy(t *testing.T) packet.Chain {
	t.Helper()
	set, err := filter.New([]filter.Rule{
		rule(func(r *filter.Rule) { r.States = filter.StatesOf(packet.Established, packet.Related) }),
		rule(func(r *filter.Rule) {
			r.In = outside
			r.Proto = wire.ProtoTCP
			r.DstPorts = filter.Ports{First: 80, Last: 90}
		}),
		rule(func(r *filter.Rule) {
			r.In = outside
			r.Proto = wire.ProtoUDP
			r.DstPorts = filter.Ports{First: 53, Last: 54}
		}),
		rule(func(r *filter.Rule) { r.Proto = wire.ProtoICMP; r.ICMPType = wire.ICMPEchoRequest }),
	}, packet.Drop)
	if err != nil {
		t.Fatal(err)
	}
	return set.Verdict
}

// loop is what an appliance does with the engine.
func (c *cable) loop() {
	defer close(c.stopped)
	start := time.Now()
	fds := []unix.PollFd{{Fd: int32(c.client.tap), Events: unix.POLLIN}, {Fd: int32(c.server.tap), Events: unix.POLLIN}}
	for {
		select {
		case <-c.stop:
			return
		default:
		}
		unix.Poll(fds, 20)
		for i := range fds {
			for range 64 {
				frame, o, err := c.ports[i].next()
				if err != nil {
					break
				}
				if rand.Float64() < c.lost {
					continue
				}
				if i == inside && c.access != 0 {
					frame = nettest.Tag(frame, c.access)
					if o.ChecksumStart != 0 {
						o.ChecksumStart += wire.TagLen
					}
				}
				c.InputOffload(i, frame, o, int64(time.Since(start)))
			}
		}
		c.Tick(int64(time.Since(start)))
	}
}

// finish stops the engine; its counters may be read then.
func (c *cable) finish() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	<-c.stopped
}

// listen opens a TCP listener in the server's namespace.
func (c *cable) listen(t *testing.T, addr string) net.Listener {
	t.Helper()
	var l net.Listener
	var err error
	c.server.do(func() { l, err = net.Listen("tcp4", addr) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dial connects from the client's namespace.
func (c *cable) dial(network, addr string, timeout time.Duration) (conn net.Conn, err error) {
	c.client.do(func() { conn, err = net.DialTimeout(network, addr, timeout) })
	return conn, err
}
