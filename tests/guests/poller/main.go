// Poller counts the frames of two network devices, with one goroutine for
// both, until each has brought as many as the argument says.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"tender/guest"
)

func main() {
	want, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	var nics [2]*guest.NIC
	for i, name := range []string{"left", "right"} {
		if nics[i], err = guest.OpenNIC(name); err != nil {
			log.Fatal(err)
		}
	}
	p, err := guest.NewPoller(nics[:]...)
	if err != nil {
		log.Fatal(err)
	}
	start := time.Now()
	const wait = 20 * time.Millisecond
	if ready, err := p.Wait(start.Add(wait)); ready != 0 || err != nil {
		log.Fatalf("ready %b, %v", ready, err)
	}
	if took := time.Since(start); took < wait {
		log.Fatalf("the deadline came %v early", wait-took)
	}
	if ready, err := p.Wait(time.Now().Add(-time.Second)); ready != 0 || err != nil {
		log.Fatalf("deadline in the past: ready %b, %v", ready, err)
	}
	fmt.Println("ready")

	var got [2]int
	buf := make([]byte, 1514)
	for got[0] < want || got[1] < want {
		ready, err := p.Wait(time.Time{})
		if ready == 0 || err != nil {
			log.Fatalf("ready %b, %v", ready, err)
		}
		for i, nic := range nics {
			for ready>>i&1 == 1 {
				n, ok, err := nic.TryReadFrame(buf)
				if err != nil {
					log.Fatal(err)
				}
				if !ok {
					break
				}
				if n != 60 || buf[59] != byte(got[i]) {
					log.Fatalf("%s: frame %d of %d bytes is numbered %d", nic.Name(), got[i], n, buf[59])
				}
				got[i]++
			}
		}
	}
	if err := p.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println(got)
}
