package bounded

import (
	"math/bits"
	"math/rand/v2"
)

// Seed keys a hash.
type Seed [4]uint64

// newSeed makes a seed that cannot be guessed.
func newSeed() (s Seed) {
	for i := range s {
		s[i] = rand.Uint64() | 1
	}
	return s
}

// Hash2 is the hash of two words. Like that of the Go runtime for machines
// without AES, it multiplies words that were mixed with secret ones, and folds
// the double-length products.
func (s *Seed) Hash2(a, b uint64) uint64 { return fold(fold(a^s[0], b^s[1])^s[2], s[3]) }

// Hash5 is the hash of five words. One product of e would not do: the low bits
// of its halves hardly depend on the high bits of e.
func (s *Seed) Hash5(a, b, c, d, e uint64) uint64 {
	return fold(fold(fold(a^s[0], b^s[1])^e, fold(c^s[2], d^s[3])^s[1])^s[2], s[3])
}

func fold(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}
