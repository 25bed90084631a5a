package kernel

// Randomness comes from the CPU: RDSEED, and RDRAND where RDSEED has nothing
// ready or does not exist (Intel SDM vol. 1, 7.3.17).

var hasRdrand, hasRdseed bool

func randomInit() {
	_, _, c, _ := cpuid(1, 0)
	hasRdrand = c>>30&1 == 1
	if max, _, _, _ := cpuid(0, 0); max >= 7 {
		_, b, _, _ := cpuid(7, 0)
		hasRdseed = b>>18&1 == 1
	}
	if !hasRdrand && !hasRdseed {
		die("this CPU has neither RDSEED nor RDRAND: no randomness, no start")
	}
}

// random64 never returns a number that the CPU did not vouch for.
func random64() uint64 {
	for range 1 << 20 {
		if hasRdseed {
			if v, ok := rdseed(); ok {
				return v
			}
		}
		if hasRdrand {
			if v, ok := rdrand(); ok {
				return v
			}
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
