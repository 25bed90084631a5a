package wire

// IPv4 option types.
const (
	optionEnd         = 0
	optionNop         = 1
	optionLooseRoute  = 131
	optionStrictRoute = 137
)

// OptionsForwardable reports whether IPv4 options are well-formed and hold no
// source route, which would let a sender choose a path around a filter
// (RFC 7126 §4.3, §4.4).
func OptionsForwardable(b []byte) bool {
	for len(b) > 0 {
		switch b[0] {
		case optionEnd:
			return true
		case optionNop:
			b = b[1:]
			continue
		case optionLooseRoute, optionStrictRoute:
			return false
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return false
		}
		b = b[b[1]:]
	}
	return true
}
