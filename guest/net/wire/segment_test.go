package wire

import (
	"bytes"
	"testing"
)

func TestParsePart(t *testing.T) {
	four, six := make(IPv4, 100), make(IPv6, 100)
	four.SetHeader(IPv4Fields{TotalLen: 150, TTL: 1, Protocol: ProtoTCP})
	six.SetHeader(0, ProtoTCP, 1, 110, Addr{}, Addr{})
	for _, c := range []struct {
		have, rest int
		want       int // -1: does not fit
	}{{100, 50, 100}, {100, 60, 100}, {100, 49, -1}, {60, 90, 60}, {60, 89, -1}, {100, 0, -1}} {
		p, err := ParseIPv4Part(four[:c.have], c.rest)
		q, err6 := ParseIPv6Part(six[:c.have], c.rest)
		if c.want < 0 {
			if err != ErrIPLength || err6 != ErrIPLength {
				t.Errorf("%d bytes and %d: %v, %v", c.have, c.rest, err, err6)
			}
		} else if len(p) != c.want || len(q) != c.want || err != nil || err6 != nil {
			t.Errorf("%d bytes and %d: %d %v, %d %v, want %d", c.have, c.rest, len(p), err, len(q), err6, c.want)
		}
	}
	four[0] = 0x4f // a header of 60 bytes, of which 40 are here
	if p, err := ParseIPv4Part(four[:40], 1000); err != ErrIPLength {
		t.Errorf("half a header: %v, %v", p, err)
	}
}

func TestSetSegment(t *testing.T) {
	p := make(IPv4, 40)
	for i := range 70000 {
		p.SetHeader(IPv4Fields{TotalLen: 65535 - i%97, ID: uint16(i), TTL: 9, Protocol: ProtoTCP, Src: 1, Dst: Addr4(i)})
		p.SetSegment(40, uint16(i+i%5))
		if p.TotalLen() != 40 || p.ID() != uint16(i+i%5) || Sum(p[:IPv4MinLen], 0) != 0xffff {
			t.Fatalf("header % x is wrong", []byte(p[:IPv4MinLen]))
		}
	}
	src, dst := Addr4(0x0a000001), Addr4(0x0a000002)
	data := bytes.Repeat([]byte{1, 0xff, 7}, 501)
	for n := range len(data) {
		s := append(make(TCP, TCPMinLen), data[:n]...)
		s.SetHeader(TCPFields{SrcPort: 1, DstPort: 2, Seq: 3, Flags: TCPAck | TCPPsh}, 0)
		setBE16(s[16:18], PseudoSum(src, dst, ProtoTCP, 60000+n))
		s.SetSegment(1<<31+uint32(n), TCPAck, 60000+n)
		if s.Seq() != 1<<31+uint32(n) || s.Flags() != TCPAck || Sum(s, PseudoSum(src, dst, ProtoTCP, len(s))) != 0xffff {
			t.Fatalf("segment % x is wrong", []byte(s))
		}
	}
	q := make(IPv6, IPv6Len)
	if q.SetPayloadLen(65535); q.PayloadLen() != 65535 {
		t.Errorf("length %d", q.PayloadLen())
	}
}
