package syntax

import (
	"cmp"
	"net/netip"
	"strconv"
	"strings"
)

// numeric reads a number, an address, a network or a range.
func (p *parser) numeric() Value {
	low := p.number()
	if low == nil {
		return nil
	}
	if p.is(Slash) {
		return p.prefix(low)
	}
	if !p.is(Minus) {
		return low
	}
	p.next()
	switch p.kind() {
	case Number, Addr6, LeftParen, Colon:
	default:
		p.expected("the end of the range, a number or address,")
		return nil
	}
	high := p.number()
	if high == nil {
		return nil
	}
	r := &Range{low, high}
	order, ok := compareEnds(low, high)
	switch {
	case !ok:
		p.errorf(r.Place(), "the ends of the range are of different kinds: two whole numbers, two decimals or two addresses of one family")
	case order > 0:
		p.errorf(r.Place(), "the range ends before it begins: the lower end comes first")
	}
	return r
}

// compareEnds orders the ends of a range; ok is false if they are of different
// kinds.
func compareEnds(low, high Value) (order int, ok bool) {
	switch l := low.(type) {
	case *Int:
		if h, ok := high.(*Int); ok {
			return cmp.Compare(l.Value, h.Value), true
		}
	case *Decimal:
		if h, ok := high.(*Decimal); ok {
			return cmp.Compare(l.Value, h.Value), true
		}
	case *Addr:
		if h, ok := high.(*Addr); ok && l.Value.BitLen() == h.Value.BitLen() {
			return l.Value.Compare(h.Value), true
		}
	}
	return 0, false
}

// number reads an *Int, a *Decimal or an *Addr.
func (p *parser) number() Value {
	start := p.token().Start
	switch p.kind() {
	case Addr6:
		a, _ := netip.ParseAddr(p.text()) // the scanner has parsed it
		p.next()
		return &Addr{p.last(), a}
	case Colon:
		if p.ahead(1) == Colon && p.tokens[p.at+1].Start == start+1 {
			p.mark(Zero)
			p.next()
			p.next()
			return &Addr{p.spanFrom(start), netip.IPv6Unspecified()}
		}
		p.expected("a value")
		return nil
	case LeftParen:
		return p.negative()
	}
	return p.digits("")
}

// negative reads a number in parentheses, which has a sign.
func (p *parser) negative() Value {
	opened := p.token().Span
	p.next()
	if !p.is(Minus) {
		p.expected("a value; parentheses are around conditions and negative numbers; - of a number")
		return nil
	}
	p.mark(Sign)
	p.next()
	if !p.is(Number) {
		p.expected("a number")
		return nil
	}
	v := p.digits("-")
	if v == nil || !p.close(RightParen, opened) {
		return nil
	}
	switch v := v.(type) {
	case *Int:
		v.Span = p.spanFrom(opened.Start)
	case *Decimal:
		v.Span = p.spanFrom(opened.Start)
	case *Addr:
		p.errorf(v.Span, "an address has no sign")
	}
	return v
}

// digits reads digits, and what follows if it belongs to a decimal or an IPv4
// address.
func (p *parser) digits(sign string) Value {
	start := p.token().Start
	parts := []string{p.text()}
	p.next()
	if p.is(Number) {
		for p.is(Number) {
			if len(parts[0]) < 100 {
				parts[0] += p.text()
			}
			p.next()
		}
		p.errs.Warnf(p.spanFrom(start), "these are the digits of one number: a comma may be missing")
		return p.int(start, sign+parts[0])
	}
	for p.is(Dot) && p.ahead(1) == Number && len(parts) < 5 {
		p.next()
		parts = append(parts, p.text())
		p.next()
	}
	switch len(parts) {
	case 1:
		return p.int(start, sign+parts[0])
	case 2:
		f, err := strconv.ParseFloat(sign+strings.Join(parts, "."), 64)
		if err != nil {
			p.errorf(p.spanFrom(start), "the number is too large")
		}
		return &Decimal{p.spanFrom(start), f}
	case 4:
		return p.addr4(start, parts)
	}
	p.errorf(p.spanFrom(start), "%d numbers with dots: a decimal has 2, an address 4", len(parts))
	return nil
}

func (p *parser) int(start int32, digits string) Value {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		p.errorf(p.spanFrom(start), "the number is too large: %d is the largest", int64(1<<63-1))
	}
	return &Int{p.spanFrom(start), n}
}

func (p *parser) addr4(start int32, parts []string) Value {
	var b [4]byte
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 8)
		if err != nil {
			p.errorf(p.spanFrom(start), "%s in an address: its bytes are 0 to 255", quoteSome(part))
		}
		b[i] = byte(n)
	}
	return &Addr{p.spanFrom(start), netip.AddrFrom4(b)}
}

// prefix reads the length behind the address of a network.
func (p *parser) prefix(addr Value) Value {
	a, ok := addr.(*Addr)
	if !ok {
		p.errorf(addr.Place(), "only an address has a / and a length behind it")
		return nil
	}
	p.next()
	if !p.is(Number) {
		p.expected("a prefix length")
		return nil
	}
	n, err := strconv.Atoi(p.text())
	length := p.token().Span
	p.next()
	if err != nil || n > a.Value.BitLen() {
		p.errorf(length, "the prefix length is over %d", a.Value.BitLen())
		n = a.Value.BitLen()
	}
	return &Prefix{p.spanFrom(a.Start), netip.PrefixFrom(a.Value, n)}
}
