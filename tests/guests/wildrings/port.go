package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"tender/abi"
)

// port is a device and its rings, served without any of the packages that should
// do so.
type port struct {
	name                                string
	file                                *os.File
	handle                              uint32
	mac                                 [6]byte
	shared                              *abi.UMEMPort
	fill, receive, transmit, completion *ring32
	lent                                int
	passed                              int
	// scratchSent counts the frames of the scratch chunk that were sent, scratched
	// those that are back.
	scratchSent, scratched int
}

// area is the memory that is shared. Its first chunk is for nonsense; free are the
// others that are nobody's.
var (
	area memory
	free []uint32
)

func open(name string) (*port, error) {
	f, err := os.OpenFile(abi.NetPath+name, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	p := &port{name: name, file: f}
	p.handle, p.mac, err = info(f.Fd())
	if err != nil {
		return nil, err
	}
	if area.header == nil {
		if area, err = mapArea(f.Fd()); err != nil {
			return nil, err
		}
	}
	for i := range int(area.header.Ports) {
		if s := area.port(i); s.Handle == p.handle {
			p.shared = s
		}
	}
	if p.shared == nil {
		return nil, errors.New("the device has no rings")
	}
	slots := p.shared.Slots
	p.fill, p.completion = area.ring(p.shared.Fill, slots), area.ring(p.shared.Completion, slots)
	p.receive, p.transmit = area.ring(p.shared.Receive, slots), area.ring(p.shared.Transmit, slots)
	return p, nil
}

// share makes all chunks but the first free.
func share(ports []*port) {
	for i := uint32(1); i < area.header.Chunks; i++ {
		free = append(free, area.scratch()+i*abi.UMEMChunkBytes)
	}
	for _, p := range ports {
		p.lend()
	}
}

// choose waits until the tender has the features.
func (p *port) choose(features uint32) error {
	if offers := load(&p.shared.Offers); offers&features != features {
		return fmt.Errorf("%s: the tender offers %#x", p.name, offers)
	}
	store(&p.shared.Wants, features)
	for load(&p.shared.Has) != features {
		p.wake()
		time.Sleep(time.Millisecond)
	}
	return nil
}

// lend keeps half a ring of chunks lent.
func (p *port) lend() {
	for p.lent < int(p.shared.Slots)/2 && len(free) > 0 && p.fill.put(abi.NewUMEMDesc(free[len(free)-1], abi.UMEMChunkBytes)) {
		free = free[:len(free)-1]
		p.lent++
	}
}

// relay passes on what waits, and says how much that was. First it has back what
// was sent, or not.
func (p *port) relay(to *port, reclaims bool) (moved int) {
	if reclaims {
		to.reclaim()
	}
	for to.transmit.room() > 0 {
		d, ok := p.receive.take()
		if !ok {
			break
		}
		p.lent--
		to.transmit.put(d)
		moved++
	}
	p.passed += moved
	p.lend()
	p.wake()
	return moved
}

// reclaim has back the chunks of frames that were sent. What is no chunk was none
// before.
func (p *port) reclaim() {
	for {
		d, ok := p.completion.take()
		if !ok {
			return
		}
		switch offset := d.Offset(); {
		case offset < area.scratch()+abi.UMEMChunkBytes:
			p.scratched++
		case uint64(offset)+uint64(d.Len()) <= area.bytes():
			free = append(free, offset-(offset-area.scratch())%abi.UMEMChunkBytes)
		}
	}
}

// wake rings the doorbell of a tender that sleeps.
func (p *port) wake() {
	if swap(&area.header.TenderSleeps, 0) != 0 {
		doorbell(p.file.Fd())
	}
}
