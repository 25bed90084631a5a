package engine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
	"tender/guest/net/nettest"
	"tender/guest/net/packet"
	"tender/guest/net/wire"
)

// openTap makes a TAP, whose frames begin with a VNETHeader if offloads says so.
func openTap(name string, offloads bool) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return fd, err
	}
	flags := uint16(unix.IFF_TAP | unix.IFF_NO_PI)
	if offloads {
		flags |= unix.IFF_VNET_HDR
	}
	request.SetUint16(flags)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil || !offloads {
		return fd, err
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TUNSETVNETHDRSZ, abi.VNETHeaderBytes); err != nil {
		return fd, err
	}
	return fd, unix.IoctlSetInt(fd, unix.TUNSETOFFLOAD, unix.TUN_F_CSUM|unix.TUN_F_TSO4|unix.TUN_F_TSO6)
}

// tapPort is the engine's end of a cable.
type tapPort struct {
	t  *testing.T
	fd int
	// lost is the share of frames that get lost, from 0 to 1.
	lost float64
	// offloads says that the TAP was opened with them; tags, that it has the
	// frames with their tags.
	offloads, tags bool
	// written and read count large frames.
	written, read int
	buffer        []byte
}

func (p *tapPort) Offloads() bool { return p.offloads }

func (p *tapPort) WriteFrame(frame []byte) error {
	if err := nettest.CheckFrame(frame); err != nil {
		p.t.Errorf("frame % x: %v", frame, err)
	}
	if rand.Float64() < p.lost {
		return nil
	}
	if wire.Ethernet(frame).Type() == wire.TypeVLAN && !p.tags {
		frame = wire.Tagged(append([]byte(nil), frame...)).Strip()
	}
	return p.write(frame, packet.Offload{}, abi.VNETNone)
}

func (p *tapPort) WriteOffload(frame []byte, o packet.Offload) error {
	whole := join(frame, o.Rest)
	if err := nettest.CheckPartial(whole, o.ChecksumStart, o.ChecksumOffset); err != nil {
		p.t.Errorf("frame of %d bytes, %+v: %v", len(whole), o, err)
	}
	if rand.Float64() < p.lost {
		return nil
	}
	if wire.Ethernet(frame).Type() == wire.TypeVLAN && !p.tags {
		frame = wire.Tagged(append([]byte(nil), frame...)).Strip()
		o.ChecksumStart -= wire.TagLen
	}
	kind := uint8(abi.VNETNone)
	if o.Segment > 0 {
		p.written++
		kind = abi.VNETTCP4
		if ip, _, _, _ := nettest.Transport(frame); frame[ip]>>4 == 6 {
			kind = abi.VNETTCP6
		}
	}
	return p.write(frame, o, kind)
}

func (p *tapPort) write(frame []byte, o packet.Offload, kind uint8) error {
	vector := append([][]byte{frame}, o.Rest...)
	if p.offloads {
		h := make([]byte, abi.VNETHeaderBytes)
		if o.ChecksumStart != 0 {
			h[0] = abi.VNETNeedsChecksum
		}
		h[1] = kind
		if kind != abi.VNETNone {
			binary.LittleEndian.PutUint16(h[2:], uint16(o.ChecksumStart+wire.TCP(frame[o.ChecksumStart:]).HeaderLen()))
		}
		binary.LittleEndian.PutUint16(h[4:], uint16(o.Segment))
		binary.LittleEndian.PutUint16(h[6:], uint16(o.ChecksumStart))
		binary.LittleEndian.PutUint16(h[8:], uint16(o.ChecksumOffset))
		vector = append([][]byte{h}, vector...)
	}
	n, err := unix.Writev(p.fd, vector)
	if size := len(join(nil, vector)); err == nil && n != size {
		err = fmt.Errorf("%d of %d bytes written", n, size)
	}
	if err != nil {
		p.t.Errorf("frame of %d bytes, %+v, % x: %v", len(frame), o, frame[:min(len(frame), 80)], err)
	}
	return err
}

// next reads a frame, in pieces if it is large.
func (p *tapPort) next() (frame []byte, o packet.Offload, err error) {
	if p.buffer == nil {
		p.buffer = make([]byte, abi.UMEMMaxFrame)
	}
	n, err := unix.Read(p.fd, p.buffer)
	if err != nil {
		return nil, o, err
	}
	frame = p.buffer[:n]
	if !p.offloads {
		return frame, o, nil
	}
	h := frame[:abi.VNETHeaderBytes]
	frame = frame[abi.VNETHeaderBytes:]
	if h[0]&abi.VNETNeedsChecksum != 0 {
		o.ChecksumStart = int(binary.LittleEndian.Uint16(h[6:]))
		o.ChecksumOffset = int(binary.LittleEndian.Uint16(h[8:]))
	}
	if h[1] != abi.VNETNone {
		o.Segment = int(binary.LittleEndian.Uint16(h[4:]))
		p.read++
	}
	const first, chunk = 1900, 2048
	if len(frame) > first {
		for rest := frame[first:]; len(rest) > 0; rest = rest[min(len(rest), chunk):] {
			o.Rest = append(o.Rest, rest[:min(len(rest), chunk)])
		}
		frame = frame[:first:first]
	}
	return frame, o, nil
}
