package stack

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"testing"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"tender/abi"
)

// offloading is the end of a cable that carries headers.
type offloading struct {
	*plug
	large, partial int // frames sent with several segments, and without a checksum
}

func (o *offloading) Offload() (bool, error) { return true, nil }

func (o *offloading) WriteParts(parts [][]byte) error {
	frame := bytes.Join(parts, nil)
	o.mu.Lock()
	if frame[0]&abi.VNETNeedsChecksum != 0 {
		o.partial++
	}
	if frame[1] != abi.VNETNone {
		o.large++
	}
	o.mu.Unlock()
	return o.WriteFrame(frame)
}

// Two stacks on a cable with offloads: what TCP carries is whole, in large
// segments and without checksums on the way.
func TestOffloads(t *testing.T) {
	noLeaks(t)
	a, b := newCable(1500)
	ends := [2]*offloading{{plug: a}, {plug: b}}
	var nets [2]*Net
	for i, args := range []string{"--ipv4=10.0.0.1/24 --ipv6=2001:db8::1/64 --quiet", "--ipv4=10.0.0.2/24 --ipv6=2001:db8::2/64 --quiet"} {
		cfg, _, err := Parse(strings.Fields(args), []string{ends[i].name})
		if err != nil {
			t.Fatal(err)
		}
		if nets[i], err = startWith(small, []NIC{ends[i]}, cfg, nil); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { nets[i].Close() })
	}
	const size = 4 << 20
	for _, at := range []string{"10.0.0.2:80", "[2001:db8::2]:80"} {
		echoServer(t, nets[1], at)
		waitFor(t, at, func() bool {
			c, err := gonet.DialTCP(nets[0].stack, full(at), protocolOf(at))
			if err != nil {
				return false
			}
			return c.Close() == nil
		})
		checkEcho(t, dial(t, nets[0], at), size)
		checkDatagrams(t, nets[0], nets[1], strings.Replace(at, "80", "81", 1))
	}
	for i, end := range ends {
		end.mu.Lock()
		if frames := nets[i].ifaces[0].link.txFrames.Load(); end.partial == 0 || end.large == 0 || frames > 2*2*size/1400 {
			t.Errorf("end %d: %d frames, of which %d large, %d without checksum", i, frames, end.large, end.partial)
		}
		end.mu.Unlock()
	}
}

// No header makes the link panic, or write outside of the frame.
func FuzzOffloadHeader(f *testing.F) {
	f.Add([]byte{1, 1, 54, 0, 0xe8, 3, 34, 0, 16, 0}, 1500)
	f.Add([]byte{1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 60)
	f.Add([]byte{1, 0, 0, 0, 0, 0, 58, 0, 1, 0}, 60)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, head []byte, size int) {
		if size < 0 || size > abi.UMEMMaxFrame {
			return
		}
		o := new(offload)
		const mark = 0x5a
		for i := range o.frame {
			o.frame[i] = mark
		}
		n := copy(o.frame[:abi.VNETHeaderBytes], head)
		n = max(n, min(abi.VNETHeaderBytes, len(head))) + size
		if n > len(o.frame) {
			return
		}
		frame, _, _, err := o.received(n)
		if err != nil {
			return
		}
		if len(frame) != n-abi.VNETHeaderBytes {
			t.Fatalf("%d bytes of %d", len(frame), n)
		}
		for _, c := range o.frame[n:] {
			if c != mark {
				t.Fatal("written behind the frame")
			}
		}
		p := packet(frame)
		if p.Size() != int64(len(frame)) || !bytes.Equal(p.Flatten(), frame) {
			t.Fatalf("a packet of %d bytes for a frame of %d", p.Size(), len(frame))
		}
		p.Release()
	})
}

// A checksum that is left to the receiver is right afterwards.
func TestPartialChecksum(t *testing.T) {
	o := new(offload)
	source, destination := tcpip.AddrFrom4([4]byte{10, 0, 0, 1}), tcpip.AddrFrom4([4]byte{10, 0, 0, 2})
	for size := range 100 {
		frame := o.frame[abi.VNETHeaderBytes:][:42+size]
		for i := range frame {
			frame[i] = byte(rand.Uint32())
		}
		clear(o.frame[:abi.VNETHeaderBytes])
		o.frame[0] = abi.VNETNeedsChecksum
		binary.LittleEndian.PutUint16(o.frame[6:], 34)
		binary.LittleEndian.PutUint16(o.frame[8:], 6)
		udp := header.UDP(frame[34:])
		udp.SetLength(uint16(len(udp)))
		udp.SetChecksum(header.PseudoHeaderChecksum(header.UDPProtocolNumber, source, destination, uint16(len(udp))))
		if _, large, vouched, err := o.received(abi.VNETHeaderBytes + len(frame)); err != nil || large || vouched {
			t.Fatalf("large %v, vouched %v, %v", large, vouched, err)
		}
		if !udp.IsChecksumValid(source, destination, checksum.Checksum(udp.Payload(), 0)) {
			t.Errorf("%d bytes: the checksum %#x is wrong", size, udp.Checksum())
		}
	}
}
