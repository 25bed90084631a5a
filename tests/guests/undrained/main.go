// Undrained has frames on a network device that nobody reads, while it waits
// for another one and for a timer: it must sleep.
package main

import (
	"fmt"
	"log"
	"time"

	"tender/guest"
)

func main() {
	left, err := guest.OpenNIC("left")
	if err != nil {
		log.Fatal(err)
	}
	right, err := guest.OpenNIC("right")
	if err != nil {
		log.Fatal(err)
	}
	both, err := guest.NewPoller(left, right)
	if err != nil {
		log.Fatal(err)
	}
	if ready, err := both.Wait(time.Time{}); ready != 1 || err != nil {
		log.Fatalf("ready %b, %v", ready, err)
	}
	only, err := guest.NewPoller(right)
	if err != nil {
		log.Fatal(err)
	}
	go both.Wait(time.Time{})
	fmt.Println("sleeping")
	for range 5 {
		if ready, err := only.Wait(time.Now().Add(100 * time.Millisecond)); ready != 0 || err != nil {
			log.Fatalf("ready %b, %v", ready, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("awake")
	buf := make([]byte, 1514)
	n, err := left.ReadFrame(buf)
	fmt.Println(n, err)
}
