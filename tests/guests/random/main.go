// Random prints 32 bytes of crypto/rand, and checks that the bits of a longer
// piece are about half ones. Maps and math/rand start differently too.
package main

import (
	"crypto/rand"
	"fmt"
	"log"
	"math/bits"
	mathrand "math/rand/v2"
)

func main() {
	b := make([]byte, 1<<16)
	if _, err := rand.Read(b); err != nil {
		log.Fatal(err)
	}
	ones := 0
	for _, c := range b {
		ones += bits.OnesCount8(c)
	}
	// 2^19 bits: the standard deviation is 362.
	if ones < 1<<18-3620 || ones > 1<<18+3620 {
		log.Fatalf("%d of %d bits are one", ones, 8*len(b))
	}
	fmt.Printf("%x\n", b[:32])
	fmt.Printf("%x\n", mathrand.Uint64())
}
