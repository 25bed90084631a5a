package link

import (
	"testing"

	"tender/abi"
	"tender/guest"
	"tender/guest/net/engine"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// device hands over one frame and keeps the last that is written.
type device struct {
	mac     wire.MAC
	in, out []byte
	head    abi.VNETHeader
	rest    [][]byte
	written abi.VNETHeader
	pieces  [][]byte
}

func (d *device) MAC() [6]byte   { return d.mac }
func (d *device) MTU() int       { return 1500 }
func (d *device) Offloads() bool { return true }

func (d *device) Receive(handle guest.Handler) (int, error) {
	if d.in == nil {
		return 0, nil
	}
	frame := d.in
	d.in = nil
	handle(frame, d.head, d.rest)
	return 1, nil
}

func (d *device) Write(frame []byte, head abi.VNETHeader, rest [][]byte) error {
	d.out, d.written, d.pieces = append(d.out[:0], frame...), head, rest
	return nil
}

// router is an engine with two links, whose neighbours are known.
func router(t *testing.T) (outside, inside *device, links [2]*Link) {
	t.Helper()
	outside, inside = &device{mac: wire.MAC{2, 0, 0, 0, 0, 0xa}}, &device{mac: wire.MAC{2, 0, 0, 0, 0, 0xb}}
	links = [2]*Link{New(outside), New(inside)}
	own := [2]string{"10.0.0.2/24", "192.168.0.1/24"}
	c := engine.Config{StatelessTCP: true, Forward: func(*packet.Packet) packet.Verdict { return packet.Accept }}
	for i, l := range links {
		p, err := wire.ParsePrefix4(own[i])
		if err != nil {
			t.Fatal(err)
		}
		c.Interfaces = append(c.Interfaces, engine.Interface{Name: own[i], Port: l, MAC: l.MAC(), MTU: l.MTU(), Addrs: []wire.Prefix4{p}})
	}
	e, err := engine.New(c)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range links {
		l.Attach(e, i)
	}
	// A first datagram has the router ask for its neighbour.
	outside.in = nettest.UDP(far, way, 1, 2, nil)
	inside.in = nettest.ARP(inside.mac, wire.ARPReply, near, nettest.Addr("192.168.0.20"), inside.mac, nettest.Addr("192.168.0.1"))
	for _, l := range links {
		if n, err := l.Drain(1); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	return outside, inside, links
}

var (
	far  = nettest.Ether{Dst: wire.MAC{2, 0, 0, 0, 0, 0xa}, Src: wire.MAC{2, 0, 0, 0, 0, 1}}
	near = wire.MAC{2, 0, 0, 0, 0, 2}
	way  = nettest.IP{Src: nettest.Addr("10.0.0.1"), Dst: nettest.Addr("192.168.0.20")}
)

// TestOffloads sends frames through a router, with something left to do.
func TestOffloads(t *testing.T) {
	syn := nettest.TCP(far, way, nettest.Segment{SrcPort: 4000, DstPort: 80, Flags: wire.TCPSyn})
	large := nettest.TCP(far, way, nettest.Segment{SrcPort: 4000, DstPort: 80, Seq: 1, Flags: wire.TCPAck, Data: make([]byte, 5000)})
	partial := func(frame []byte) []byte { // only the pseudo header is summed up
		ip := wire.IPv4(frame[wire.EthernetLen:])
		sum := wire.PseudoSum(ip.Src(), ip.Dst(), wire.ProtoTCP, len(ip.Payload()))
		frame[34+16], frame[34+17] = byte(sum>>8), byte(sum)
		return frame
	}
	needs := abi.VNETHeader{Flags: abi.VNETNeedsChecksum, ChecksumStart: 34, ChecksumOffset: 16}
	cut := needs
	cut.Kind, cut.SegmentBytes, cut.HeaderBytes = abi.VNETTCP4, 1400, 54
	congested, strange, none := cut, cut, cut
	congested.Kind |= explicitCongestion
	strange.Kind, none.SegmentBytes = 5, 0
	for _, test := range []struct {
		name  string
		frame []byte
		head  abi.VNETHeader
		want  *abi.VNETHeader // nil: dropped
	}{
		{"nothing left to do", syn, abi.VNETHeader{}, &abi.VNETHeader{}},
		{"checksum checked by the host", syn, abi.VNETHeader{Flags: abi.VNETChecked}, &abi.VNETHeader{}},
		{"checksum missing", partial(append([]byte(nil), syn...)), needs, &needs},
		{"several segments", partial(large), cut, &cut},
		{"several segments with ECN", partial(large), congested, &cut},
		{"a kind that nobody asked for", partial(large), strange, nil},
		{"segments of nothing", partial(large), none, nil},
	} {
		outside, inside, links := router(t)
		frame := append([]byte(nil), test.frame...)
		outside.head = test.head
		if len(frame) > 1984 {
			outside.rest = [][]byte{frame[1984:4000], frame[4000:]}
			frame = frame[:1984]
		}
		inside.out = nil
		outside.in = frame
		if n, err := links[0].Drain(2); n != 1 || err != nil {
			t.Fatalf("%s: %d, %v", test.name, n, err)
		}
		switch {
		case test.want == nil && inside.out != nil:
			t.Errorf("%s: it went on with %+v", test.name, inside.written)
		case test.want != nil && (len(inside.out) != len(frame) || inside.written != *test.want || len(inside.pieces) != len(outside.rest)):
			t.Errorf("%s: %d bytes and %d pieces went on with %+v, want %d, %d, %+v",
				test.name, len(inside.out), len(inside.pieces), inside.written, len(frame), len(outside.rest), *test.want)
		}
	}
}

// TestWriteOffload6 is the header of IPv6 behind a VLAN tag.
func TestWriteOffload6(t *testing.T) {
	d := &device{}
	frame := make([]byte, 18+40+32)
	frame[12], frame[13], frame[18], frame[58+12] = 0x81, 0, 0x60, 0x80
	o := packet.Offload{ChecksumStart: 58, ChecksumOffset: 16, Segment: 1000}
	if err := New(d).WriteOffload(frame, o); err != nil {
		t.Fatal(err)
	}
	want := abi.VNETHeader{Flags: abi.VNETNeedsChecksum, Kind: abi.VNETTCP6, HeaderBytes: 90, SegmentBytes: 1000, ChecksumStart: 58, ChecksumOffset: 16}
	if d.written != want {
		t.Errorf("%+v, want %+v", d.written, want)
	}
}
