package wire

// HeaderLen is the length of the IP header, without options and extensions,
// of a datagram to an address of a's family.
func (a Addr) HeaderLen() int {
	if a.Is4() {
		return IPv4MinLen
	}
	return IPv6Len
}

// SetIP writes the IP header of the family at the start of datagram, which
// ends where b does, and returns what follows it and the sum of its pseudo
// header. Preconditions: src and dst are of one family, and len(b) is from
// dst.HeaderLen() to 65535.
func SetIP(b []byte, src, dst Addr, proto, ttl uint8, id uint16) (payload []byte, pseudo uint16) {
	if dst.Is4() {
		IPv4(b).SetHeader(IPv4Fields{TotalLen: len(b), ID: id, TTL: ttl, Protocol: proto, Src: src.As4(), Dst: dst.As4()})
		payload = b[IPv4MinLen:]
		return payload, PseudoSum(src.As4(), dst.As4(), proto, len(payload))
	}
	IPv6(b).SetHeader(0, proto, ttl, len(b)-IPv6Len, src, dst)
	payload = b[IPv6Len:]
	return payload, PseudoSum6(src, dst, proto, len(payload))
}
