// Hotspot prints a CPU profile of itself in base64. Nearly all the time is
// spent in one function, in a goroutine and on its main one.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log"
	"runtime/pprof"
	"time"
)

//go:noinline
func hot(n uint64) uint64 {
	for i := range uint64(10_000_000) {
		n += i * n
	}
	return n
}

//go:noinline
func cold(n uint64) uint64 {
	for i := range uint64(100_000) {
		n += i * n
	}
	return n
}

func main() {
	var profile bytes.Buffer
	if err := pprof.StartCPUProfile(&profile); err != nil {
		log.Fatal(err)
	}
	end := time.Now().Add(time.Second)
	done := make(chan uint64)
	for range 2 {
		go func() {
			n := uint64(1)
			for time.Now().Before(end) {
				n = cold(hot(n))
			}
			done <- n
		}()
	}
	<-done
	<-done
	time.Sleep(100 * time.Millisecond) // no sample
	pprof.StopCPUProfile()
	fmt.Println(base64.StdEncoding.EncodeToString(profile.Bytes()))
}
