// Echo sends every frame back with its addresses exchanged, while a ticker
// goes on. It ends with the first frame of EtherType 0xffff.
package main

import (
	"encoding/binary"
	"fmt"
	"log"
	"time"

	"tender/guest"
)

func main() {
	nic, err := guest.OpenNIC("net0")
	if err != nil {
		log.Fatal(err)
	}
	ticks := 0
	go func() {
		for range time.Tick(time.Millisecond) {
			ticks++
		}
	}()
	fmt.Printf("ready %x %d\n", nic.MAC(), nic.MTU())
	buf := make([]byte, nic.MTU()+14)
	for {
		n, err := nic.ReadFrame(buf)
		if err != nil {
			log.Fatal(err)
		}
		frame := buf[:n]
		if binary.BigEndian.Uint16(frame[12:]) == 0xffff {
			break
		}
		var dst [6]byte
		copy(dst[:], frame)
		copy(frame, frame[6:12])
		copy(frame[6:], dst[:])
		if err := nic.WriteFrame(frame); err != nil && err != guest.ErrFull {
			log.Fatal(err)
		}
	}
	if ticks == 0 {
		log.Fatal("the ticker stood still")
	}
	fmt.Println("ok")
}
