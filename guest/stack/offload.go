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

// received takes the header off the first n bytes of o.frame, and does what was
// left to do about the checksum. large says that it holds several segments.
func (o *offload) received(n int) (frame []byte, large bool, err error) {
	if n < abi.VNETHeaderBytes || n > len(o.frame) {
		return nil, false, errHeader
	}
	head, frame := abi.VNETHeaderOf(o.frame[:]), o.frame[abi.VNETHeaderBytes:n]
	if head.Flags&abi.VNETNeedsChecksum != 0 {
		start := int(head.ChecksumStart)
		at := start + int(head.ChecksumOffset)
		if start < header.EthernetMinimumSize || at+2 > len(frame) {
			return nil, false, errHeader
		}
		sum := ^checksum.Checksum(frame[start:], 0)
		if sum == 0 {
			sum = 0xffff // 0 would be none, for UDP
		}
		binary.BigEndian.PutUint16(frame[at:], sum)
	}
	return frame, head.Kind != abi.VNETNone, nil
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
