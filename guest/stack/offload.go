package stack

import (
	"encoding/binary"
	"errors"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	netstack "gvisor.dev/gvisor/pkg/tcpip/stack"

	"tender/abi"
)

// offloader is a NIC that may leave checksums and the cutting of TCP segments to
// who receives, as *guest.NIC can.
type offloader interface {
	NIC
	// Offload has each frame begin with an abi.VNETHeader from now on, both ways.
	// ok is false if all stays as it was.
	Offload() (ok bool, err error)
	// WriteParts is WriteFrame of a frame in parts; it changes the slice.
	WriteParts(parts [][]byte) error
}

// offload is what a link needs for a NIC with headers before its frames.
type offload struct {
	nic   offloader
	frame [abi.UMEMMaxFrame]byte // that is read
	head  [abi.VNETHeaderBytes]byte
	parts [][]byte // of the frame that is sent
}

// newOffload is nil for a NIC without.
func newOffload(nic NIC) (*offload, error) {
	o, ok := nic.(offloader)
	if !ok {
		return nil, nil
	}
	if ok, err := o.Offload(); !ok || err != nil {
		return nil, err
	}
	return &offload{nic: o}, nil
}

// maxView is the largest part of a packet that is kept in one piece: what pools
// have.
const maxView = 32 << 10

var errHeader = errors.New("a frame's header makes no sense")

// received takes the header off the first n bytes of o.frame. large says that it
// holds several segments. A checksum that is missing is computed, unless vouched
// says that it need not be looked at.
func (o *offload) received(n int) (frame []byte, large, vouched bool, err error) {
	if n < abi.VNETHeaderBytes || n > len(o.frame) {
		return nil, false, false, errHeader
	}
	head, frame := abi.VNETHeaderOf(o.frame[:]), o.frame[abi.VNETHeaderBytes:n]
	if head.Flags&abi.VNETNeedsChecksum != 0 {
		start := int(head.ChecksumStart)
		at := start + int(head.ChecksumOffset)
		if start < header.EthernetMinimumSize || at+2 > len(frame) {
			return nil, false, false, errHeader
		}
		if vouchedFor(frame, start, at-start) {
			return frame, head.Kind != abi.VNETNone, true, nil
		}
		sum := ^checksum.Checksum(frame[start:], 0)
		if sum == 0 {
			sum = 0xffff // 0 would be none, for UDP
		}
		binary.BigEndian.PutUint16(frame[at:], sum)
	}
	return frame, head.Kind != abi.VNETNone, false, nil
}

// vouchedFor says whether the checksum that the host has left out, from start on
// and at offset behind it, is that of the TCP segment in an IP packet that is
// right otherwise: the host then vouches for all of it. Inside of another protocol
// it is not, and who unpacks that would look for it, as do readers of whole
// packets, the DHCP client for one: UDP gets its checksum.
func vouchedFor(frame []byte, start, offset int) bool {
	packet := frame[header.EthernetMinimumSize:]
	var protocol uint8
	size := header.IPv6MinimumSize
	switch header.Ethernet(frame).Type() {
	case header.IPv4ProtocolNumber:
		ip := header.IPv4(packet)
		if len(ip) < header.IPv4MinimumSize {
			return false
		}
		size = int(ip.HeaderLength())
		if size < header.IPv4MinimumSize || size > len(ip) || !ip.IsChecksumValid() || ip.More() || ip.FragmentOffset() != 0 {
			return false
		}
		protocol = ip.Protocol()
	case header.IPv6ProtocolNumber:
		if len(packet) < size {
			return false
		}
		protocol = header.IPv6(packet).NextHeader()
	}
	return start == header.EthernetMinimumSize+size && protocol == uint8(header.TCPProtocolNumber) && offset == header.TCPChecksumOffset
}

// packet is a copy of a frame.
func packet(frame []byte) buffer.Buffer {
	b := buffer.MakeWithView(buffer.NewViewWithData(frame[:min(len(frame), maxView)]))
	for frame = frame[min(len(frame), maxView):]; len(frame) > 0; frame = frame[min(len(frame), maxView):] {
		_ = b.Append(buffer.NewViewWithData(frame[:min(len(frame), maxView)]))
	}
	return b
}

// describe is the header of a packet.
func describe(pkt *netstack.PacketBuffer) (head abi.VNETHeader) {
	gso := &pkt.GSOOptions
	if gso.Type == netstack.GSONone {
		return head
	}
	if gso.NeedsCsum {
		head.Flags = abi.VNETNeedsChecksum
		head.ChecksumStart, head.ChecksumOffset = header.EthernetMinimumSize+gso.L3HdrLen, gso.CsumOffset
	}
	head.HeaderBytes = uint16(pkt.HeaderSize())
	if pkt.Data().Size() <= int(gso.MSS) {
		return head
	}
	head.Kind, head.SegmentBytes = abi.VNETTCP4, gso.MSS
	if gso.Type == netstack.GSOTCPv6 {
		head.Kind = abi.VNETTCP6
	}
	return head
}

// send sends a packet. Only one goroutine does at a time.
func (o *offload) send(pkt *netstack.PacketBuffer) error {
	describe(pkt).Put(o.head[:])
	o.parts = append(o.parts[:0], o.head[:])
	views, offset := pkt.AsViewList()
	for v := views.Front(); v != nil; v = v.Next() {
		piece := v.AsSlice()
		skip := min(offset, len(piece))
		if offset -= skip; skip < len(piece) {
			o.parts = append(o.parts, piece[skip:])
		}
	}
	return o.nic.WriteParts(o.parts)
}

// write sends a frame that does not come from netstack, as send does.
func (o *offload) write(frame []byte) error {
	clear(o.head[:])
	o.parts = append(o.parts[:0], o.head[:], frame)
	return o.nic.WriteParts(o.parts)
}
