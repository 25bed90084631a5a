// Relay passes frames on from each of its devices to the other, as they are. It
// panics at a frame of EtherType 0xdead.
package main

import (
	"encoding/binary"
	"fmt"
	"log"

	"tender/guest"
)

func main() {
	var nics [2]*guest.NIC
	for i, name := range []string{"a", "b"} {
		var err error
		if nics[i], err = guest.OpenNIC(name); err != nil {
			log.Fatal(err)
		}
	}
	for i, n := range nics {
		go relay(n, nics[1-i])
	}
	for _, n := range nics {
		mac := n.MAC()
		fmt.Printf("%s: mac %02x:%02x:%02x:%02x:%02x:%02x\n", n.Name(), mac[0], mac[1], mac[2], mac[3], mac[4], mac[5])
	}
	select {}
}

func relay(from, to *guest.NIC) {
	frame := make([]byte, from.MTU()+14)
	for {
		n, err := from.ReadFrame(frame)
		if err != nil {
			log.Fatal(err)
		}
		if binary.BigEndian.Uint16(frame[12:]) == 0xdead {
			panic("the fatal frame")
		}
		if err := to.WriteFrame(frame[:n]); err != nil && err != guest.ErrFull {
			log.Fatal(err)
		}
	}
}
