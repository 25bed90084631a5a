// Package link connects an engine with network devices: frames go in a batch at a
// time and, if the device can have that, with their checksums missing and as large
// TCP segments.
package link

import (
	"tender/abi"
	"tender/guest"
	"tender/guest/net/engine"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// Device is a network device as a link needs it; *guest.PathPort is one, whose
// methods say what these do.
type Device interface {
	MAC() [6]byte
	MTU() int
	Offloads() bool
	Receive(handle guest.Handler) (n int, err error)
	Write(frame []byte, head abi.VNETHeader, rest [][]byte) error
}

// Link is a device at an engine. It is for the goroutine of the engine, which has
// it as a Port.
type Link struct {
	Device
	handle guest.Handler
	nanos  int64 // the time of the Drain under way
}

var _ engine.OffloadPort = (*Link)(nil)

// New makes the link of a device.
func New(d Device) *Link { return &Link{Device: d} }

// Attach has the engine get the device's frames, as those of an interface.
func (l *Link) Attach(e *engine.Engine, iface int) {
	l.handle = func(frame []byte, head abi.VNETHeader, rest [][]byte) {
		e.InputOffload(iface, frame, offloadOf(head, rest), l.nanos)
	}
}

// Drain hands the engine some frames of those that wait, and returns how many they
// were. It is called after Attach.
func (l *Link) Drain(nowNanos int64) (n int, err error) {
	l.nanos = nowNanos
	return l.Receive(l.handle)
}

// Open opens network devices by their names in the manifest, with offloads where
// they can be had, and returns them in that order, and the path that they are of.
func Open(names ...string) ([]Device, *guest.Path, error) {
	var nics []*guest.NIC
	for _, name := range names {
		n, err := guest.OpenNIC(name)
		if err != nil {
			return nil, nil, err
		}
		if _, err := n.Offload(); err != nil {
			return nil, nil, err
		}
		nics = append(nics, n)
	}
	path, err := guest.NewPath(nics...)
	if err != nil {
		return nil, nil, err
	}
	var devices []Device
	for i := range nics {
		devices = append(devices, path.Port(i))
	}
	return devices, path, nil
}

// Drain has each link of a set drained once, bit i being that of links[i]. busy says
// that there may be more, at any of the links: then all are to have their turn
// before one is waited for.
func Drain(links []*Link, set uint64, nowNanos int64) (busy bool, err error) {
	for i, l := range links {
		if set>>i&1 == 0 {
			continue
		}
		n, err := l.Drain(nowNanos)
		if err != nil {
			return false, err
		}
		busy = busy || n > 0
	}
	return busy, nil
}

// WriteFrame is part of engine.Port.
func (l *Link) WriteFrame(frame []byte) error { return l.Write(frame, abi.VNETHeader{}, nil) }

// WriteOffload is part of engine.OffloadPort.
func (l *Link) WriteOffload(frame []byte, o packet.Offload) error {
	return l.Write(frame, headOf(frame, &o), o.Rest)
}

// explicitCongestion in VNETHeader.Kind says that the first segment has CWR.
const explicitCongestion = 0x80

// offloadOf says in the engine's words what is left to do. Of kinds that nobody
// has asked for it makes nonsense, which the engine drops.
func offloadOf(head abi.VNETHeader, rest [][]byte) packet.Offload {
	o := packet.Offload{Rest: rest}
	if head.Flags&abi.VNETNeedsChecksum != 0 {
		o.ChecksumStart, o.ChecksumOffset = int(head.ChecksumStart), int(head.ChecksumOffset)
	}
	switch head.Kind &^ explicitCongestion {
	case abi.VNETNone:
	case abi.VNETTCP4, abi.VNETTCP6:
		if o.Segment = int(head.SegmentBytes); o.Segment > 0 {
			break
		}
		fallthrough
	default:
		o.Segment = -1
	}
	return o
}

// headOf is the header for a frame of the engine, which has its checks behind it:
// what is to be cut is TCP, with a missing checksum.
func headOf(frame []byte, o *packet.Offload) (head abi.VNETHeader) {
	if o.ChecksumStart == 0 {
		return head
	}
	head.Flags = abi.VNETNeedsChecksum
	head.ChecksumStart, head.ChecksumOffset = uint16(o.ChecksumStart), uint16(o.ChecksumOffset)
	if o.Segment == 0 {
		return head
	}
	head.Kind = abi.VNETTCP4
	at := wire.EthernetLen
	if wire.Ethernet(frame).Type() == wire.TypeVLAN {
		at += wire.TagLen
	}
	if frame[at]>>4 == 6 {
		head.Kind = abi.VNETTCP6
	}
	head.SegmentBytes = uint16(o.Segment)
	head.HeaderBytes = uint16(o.ChecksumStart + wire.TCP(frame[o.ChecksumStart:]).HeaderLen())
	return head
}
