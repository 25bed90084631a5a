package stack

import (
	"errors"
	"io"
	"math"
	"net/netip"
	"testing"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"

	"tender/guest"
)

var _ NIC = (*guest.NIC)(nil)

// nothing is a NIC that takes frames and forgets them.
type nothing struct{ *plug }

func (nothing) WriteFrame([]byte) error { return nil }

// discard takes packets from a link.
type discard struct{ netstack.NetworkDispatcher }

func (discard) DeliverNetworkPacket(tcpip.NetworkProtocolNumber, *netstack.PacketBuffer) {}

// A frame passes the link without allocations, either way.
func TestLinkAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool loses some of what it is given")
	}
	guest, _ := newCable(1500)
	l := newLink(nothing{guest}, math.MaxInt64, nil)
	var d netstack.NetworkDispatcher = discard{}
	l.dispatcher.Store(&d)
	take := func([]byte) {}
	l.dhcp.Store(&take)
	for _, size := range []int{60, 1514} {
		frame := crafted{}.udp(netip.MustParseAddrPort("10.0.0.2:1"), netip.MustParseAddrPort("10.0.0.1:2"), make([]byte, size-42))
		view := buffer.NewViewSize(1515)
		if n := testing.AllocsPerRun(1000, func() {
			copy(view.AsSlice(), frame)
			if view = l.deliver(view, size); view == nil {
				view = buffer.NewViewSize(1515)
			}
		}); n >= 1 {
			t.Errorf("receiving %d bytes: %v allocations", size, n)
		}
		one := netstack.NewPacketBuffer(netstack.PacketBufferOptions{Payload: buffer.MakeWithData(frame)})
		two := netstack.NewPacketBuffer(netstack.PacketBufferOptions{ReserveHeaderBytes: 40, Payload: buffer.MakeWithData(frame[40:])})
		copy(two.TransportHeader().Push(40), frame)
		for _, pkt := range []*netstack.PacketBuffer{one, two} {
			var list netstack.PacketBufferList
			list.PushBack(pkt)
			if n := testing.AllocsPerRun(1000, func() { l.WritePackets(list) }); n >= 1 {
				t.Errorf("sending %d bytes: %v allocations", size, n)
			}
		}
	}
	if k := l.counters(); k.TxDropped != 0 || k.RxOther != 0 {
		t.Errorf("%+v", k)
	}
}

// flaky is a NIC whose reads fail now and then, and whose cable does not.
type flaky struct {
	*plug
	reads int
}

func (f *flaky) ReadFrame(b []byte) (int, error) {
	if f.reads++; f.reads <= 3 {
		return 0, errors.New("input/output error")
	}
	return f.plug.ReadFrame(b)
}

// Reads that fail are repeated after a pause, and reported once.
func TestReadsFail(t *testing.T) {
	noLeaks(t)
	a, b := newCable(1500)
	var log lines
	l := newLink(&flaky{plug: a}, math.MaxInt64, NewLogger(&log, LevelInfo))
	var d netstack.NetworkDispatcher = discard{}
	l.Attach(d)
	b.WriteFrame(crafted{}.ethernet(0x0800, nil))
	waitFor(t, "a frame", func() bool { return l.counters().RxFrames == 1 })
	if err := l.close(); err != nil {
		t.Error(err)
	}
	l.wait()
	if k := l.counters(); k.RxErrors != 3 || log.String() != "error: net0: input/output error\n" {
		t.Errorf("%+v, logged %q", k, log.String())
	}
}

// TCP between two stacks of one process.
func BenchmarkTCP(b *testing.B) {
	x, y := newCable(1500)
	nx, _ := startSmall(b, limitsFor(math.MaxInt64), "--ipv4=10.0.0.1/24", x)
	ny, _ := startSmall(b, limitsFor(math.MaxInt64), "--ipv4=10.0.0.2/24", y)
	echoServer(b, ny, "10.0.0.2:7")
	c := dial(b, nx, "10.0.0.2:7")
	data := make([]byte, 64<<10)
	b.SetBytes(int64(2 * len(data)))
	for b.Loop() {
		go c.Write(data)
		if _, err := io.ReadFull(c, data); err != nil {
			b.Fatal(err)
		}
	}
	k, _ := nx.Counters("net0")
	b.ReportMetric(float64(k.TxFrames)/float64(b.N), "frames/op")
}
