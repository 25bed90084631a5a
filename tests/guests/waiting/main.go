// Waiting shows how reads of a network device end that brings no frame: by a
// deadline, by Close in another goroutine, and at once with TryReadFrame. It
// then wants one frame.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	"tender/guest"
)

func open() *guest.NIC {
	nic, err := guest.OpenNIC("net0")
	if err != nil {
		log.Fatal(err)
	}
	return nic
}

func main() {
	buf := make([]byte, 2000)
	nic := open()
	if n, ok, err := nic.TryReadFrame(buf); ok || n != 0 || err != nil {
		log.Fatalf("TryReadFrame: %d, %t, %v", n, ok, err)
	}
	const wait = 20 * time.Millisecond
	for range 3 {
		start := time.Now()
		nic.SetReadDeadline(start.Add(wait))
		if n, err := nic.ReadFrame(buf); !errors.Is(err, os.ErrDeadlineExceeded) {
			log.Fatalf("ReadFrame with a deadline: %d, %v", n, err)
		}
		if took := time.Since(start); took < wait {
			log.Fatalf("the deadline came %v early", wait-took)
		}
	}
	nic.SetReadDeadline(time.Time{})

	closed := make(chan struct{})
	time.AfterFunc(wait, func() {
		nic.Close()
		close(closed)
	})
	if n, err := nic.ReadFrame(buf); !errors.Is(err, os.ErrClosed) {
		log.Fatalf("ReadFrame of a closed device: %d, %v", n, err)
	}

	<-closed // the read may end before Close has returned
	nic = open()
	fmt.Println("ready")
	nic.SetReadDeadline(time.Now().Add(30 * time.Second))
	n, err := nic.ReadFrame(buf)
	fmt.Println(n, err)
	for { // the second is there, or soon
		n, ok, err := nic.TryReadFrame(buf)
		if ok || err != nil {
			fmt.Println(n, err)
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err := nic.WriteFrame(make([]byte, 100000)); err == nil {
		log.Fatal("a frame of 100000 bytes was sent")
	}
}
