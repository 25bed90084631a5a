package kernel

// Randomness comes from the CPU: RDSEED, and RDRAND where RDSEED has nothing
// ready or does not exist (Intel SDM vol. 1, 7.3.17).

var hasRdseed bool

func randomInit() {
	if _, _, c, _ := cpuid(1, 0); c>>30&1 == 0 {
		die("this CPU has no RDRAND: no randomness, no start")
	}
	_, b, _, _ := cpuid(7, 0) // every CPU with RDRAND has this leaf
	hasRdseed = b>>18&1 == 1
}

// random64 never returns a number that the CPU did not vouch for.
func random64() uint64 {
	for range 1 << 20 {
		if hasRdseed {
			if v, ok := rdseed(); ok != 0 {
				return v
			}
		}
		if v, ok := rdrand(); ok != 0 {
			return v
		}
	}
	die("the CPU's random number generator has failed")
	return 0
}

func fillRandom(b []byte) {
	for len(b) > 0 {
		v := random64()
		for i := 0; i < 8 && len(b) > 0; i++ {
			b[0] = byte(v)
			v >>= 8
			b = b[1:]
		}
	}
}

func sysGetrandom(buf, n uintptr) int64 {
	fillRandom(bytesAt(buf, n))
	return int64(n)
}
