// Wildrings passes frames on from each of its devices to the other, as they are,
// through rings that it serves by itself. Its argument is what it does to the
// rings meanwhile:
//
//	descriptors   entries that are no frames and no room
//	headers       frames with headers that make no sense
//	index=RING    an index that cannot be; RING is fill, receive, transmit or completion
//	deaf          nothing of a is taken any more
//	hoarding      nothing that b has sent is taken back any more
//
// It does nothing of it before it has passed frames on both ways, and tells what
// it has done. Other frames than those that it passes on have EtherType 0x88b5.
package main

import (
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"tender/abi"
)

func main() {
	var ports [2]*port
	for i, name := range []string{"a", "b"} {
		var err error
		if ports[i], err = open(name); err != nil {
			log.Fatal(err)
		}
	}
	share(ports[:])
	mode := os.Args[1]
	if mode == "headers" {
		for _, p := range ports {
			if err := p.choose(abi.UMEMChains | abi.UMEMOffloads); err != nil {
				log.Fatal(err)
			}
		}
	}
	for _, p := range ports {
		fmt.Printf("%s: mac %02x:%02x:%02x:%02x:%02x:%02x\n", p.name, p.mac[0], p.mac[1], p.mac[2], p.mac[3], p.mac[4], p.mac[5])
	}
	w := wild{ports: ports, random: rand.New(rand.NewPCG(1, 2))}
	for turns := 0; ; {
		neglects := turns > 0
		moved := 0
		if !neglects || mode != "deaf" {
			moved += ports[0].relay(ports[1], !neglects || mode != "hoarding")
		}
		moved += ports[1].relay(ports[0], true)
		if ports[0].passed < 200 || ports[1].passed < 200 {
			time.Sleep(100 * time.Microsecond)
			continue
		}
		if moved == 0 {
			time.Sleep(100 * time.Microsecond)
		}
		if turns++; turns > 500 {
			continue
		}
		w.do(mode)
		if turns == 500 {
			fmt.Printf("done: %d descriptors %d short %d rooms %d headers\n", w.descriptors, w.short, w.rooms, w.headers)
		}
	}
}

// wild does what no guest should, and counts it.
type wild struct {
	ports                              [2]*port
	random                             *rand.Rand
	descriptors, short, rooms, headers int
}

func (w *wild) do(mode string) {
	p := w.ports[w.random.IntN(2)]
	ring, isIndex := strings.CutPrefix(mode, "index=")
	switch {
	case mode == "descriptors":
		w.descriptor(p)
	case mode == "headers":
		w.header(p)
	case mode == "deaf" || mode == "hoarding":
	case isIndex:
		rings := map[string]struct {
			*ring32
			producer bool
		}{"fill": {p.fill, true}, "receive": {p.receive, false}, "transmit": {p.transmit, true}, "completion": {p.completion, false}}
		r := rings[ring]
		r.setIndex(r.producer, 1<<20)
		p.wake()
	default:
		log.Fatalf("%q is nothing to do", mode)
	}
}

// descriptor puts entries into rings that are not what they should be.
func (w *wild) descriptor(p *port) {
	bytes, scratch := uint32(area.bytes()), area.scratch()
	all := [][]abi.UMEMDesc{
		{abi.NewUMEMDesc(0, 60)},                                                    // the header
		{abi.NewUMEMDesc(200, 1000)},                                                // the ports and rings
		{abi.NewUMEMDesc(scratch-1, 60)},                                            // begins before the chunks
		{abi.NewUMEMDesc(bytes, 60)},                                                // behind the UMEM
		{abi.NewUMEMDesc(bytes-10, 60)},                                             // ends behind it
		{abi.NewUMEMDesc(^uint32(0), ^uint16(0))},                                   // would wrap around
		{abi.NewUMEMDesc(scratch, 0)},                                               // nothing
		{abi.NewUMEMDesc(scratch, 60) | abi.UMEMMore, abi.NewUMEMDesc(scratch, 60)}, // a chain that was not chosen
	}
	one := all[w.random.IntN(len(all))]
	switch what := w.random.IntN(4); {
	case what == 0 && len(one) == 1:
		if p.fill.put(one...) {
			w.rooms++
		}
	case what == 1:
		// Shorter than an Ethernet header.
		if p.transmit.put(abi.NewUMEMDesc(scratch, uint16(1+w.random.IntN(13)))) {
			w.short++
		}
	default:
		if p.transmit.put(one...) {
			w.descriptors++
		}
	}
	p.wake()
}

// header sends a frame with any header, in one piece or several. One is under way
// at a time, as all are in the same chunk.
func (w *wild) header(p *port) {
	if p.scratched != p.scratchSent {
		return
	}
	frame := area.chunk(area.scratch())
	size := abi.VNETHeaderBytes + 14 + w.random.IntN(1500)
	for i := range abi.VNETHeaderBytes {
		frame[i] = byte(w.random.Uint32()) & byte(w.random.Uint32())
	}
	frame[0] &= abi.VNETNeedsChecksum | abi.VNETChecked
	if w.random.IntN(2) == 0 {
		frame[1] = []byte{abi.VNETNone, abi.VNETTCP4, abi.VNETTCP6, 3, 5, 0x81}[w.random.IntN(6)]
	}
	if w.random.IntN(2) == 0 {
		clear(frame[3:abi.VNETHeaderBytes:abi.VNETHeaderBytes]) // small offsets
		for i := 2; i < abi.VNETHeaderBytes; i += 2 {
			frame[i], frame[i+1] = byte(w.random.Uint32()), 0
		}
	}
	ether := frame[abi.VNETHeaderBytes:]
	for i := range 12 {
		ether[i] = 2
	}
	ether[12], ether[13] = 0x88, 0xb5
	for i := 14; i < size-abi.VNETHeaderBytes; i++ {
		ether[i] = byte(w.random.Uint32())
	}
	// It may go on, in the same bytes again.
	parts := make([]abi.UMEMDesc, 1+w.random.IntN(3)*w.random.IntN(16))
	for i := range parts {
		parts[i] = abi.NewUMEMDesc(area.scratch(), uint16(size)) | abi.UMEMMore
	}
	parts[len(parts)-1] &^= abi.UMEMMore
	if p.transmit.put(parts...) {
		w.headers++
		p.scratchSent += len(parts)
	}
	p.wake()
}
