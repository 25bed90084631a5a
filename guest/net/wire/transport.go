package wire

// Lengths of transport headers without options.
const (
	TCPMinLen = 20
	UDPLen    = 8
)

// TCP flags.
const (
	TCPFin = 1 << iota
	TCPSyn
	TCPRst
	TCPPsh
	TCPAck
	TCPUrg
	TCPEce
	TCPCwr
)

// TCP is a segment whose header, options included, is complete.
type TCP []byte

// ParseTCP checks that b starts with a complete TCP header.
func ParseTCP(b []byte) (TCP, bool) {
	if len(b) < TCPMinLen {
		return nil, false
	}
	header := int(b[12]>>4) * 4
	if header < TCPMinLen || header > len(b) {
		return nil, false
	}
	return TCP(b), true
}

func (s TCP) SrcPort() uint16 { return be16(s[0:2]) }
func (s TCP) DstPort() uint16 { return be16(s[2:4]) }
func (s TCP) Seq() uint32     { return be32(s[4:8]) }
func (s TCP) Ack() uint32     { return be32(s[8:12]) }
func (s TCP) HeaderLen() int  { return int(s[12]>>4) * 4 }
func (s TCP) Flags() uint8    { return s[13] }
func (s TCP) Window() uint16  { return be16(s[14:16]) }

// Reserved are the four bits after the header length, of which the last is
// also known as NS; Checksum and Urgent are as they stand.
func (s TCP) Reserved() uint8  { return s[12] & 15 }
func (s TCP) Checksum() uint16 { return be16(s[16:18]) }
func (s TCP) Urgent() uint16   { return be16(s[18:20]) }

// WindowScale is the shift of the window scale option (RFC 7323), at most 14,
// and whether there is one.
func (s TCP) WindowScale() (shift uint8, ok bool) {
	b := s[TCPMinLen:s.HeaderLen()]
	for len(b) > 0 {
		switch b[0] {
		case 0:
			return 0, false
		case 1:
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return 0, false
		}
		if b[0] == 3 && b[1] == 3 {
			return min(b[2], 14), true
		}
		b = b[b[1]:]
	}
	return 0, false
}

// UDP is a datagram whose header is complete. Precondition: len ≥ UDPLen.
type UDP []byte

func (d UDP) SrcPort() uint16  { return be16(d[0:2]) }
func (d UDP) DstPort() uint16  { return be16(d[2:4]) }
func (d UDP) Length() int      { return int(be16(d[4:6])) }
func (d UDP) Checksum() uint16 { return be16(d[6:8]) }

// SetHeader writes the whole header and computes the checksum over the
// datagram, whose data must be in place; pseudo is the sum of the pseudo
// header.
func (d UDP) SetHeader(srcPort, dstPort, pseudo uint16) {
	setBE16(d[0:2], srcPort)
	setBE16(d[2:4], dstPort)
	setBE16(d[4:6], uint16(len(d)))
	setBE16(d[6:8], 0)
	sum := ^Sum(d, pseudo)
	if sum == 0 {
		sum = 0xffff
	}
	setBE16(d[6:8], sum)
}

// TCPFields is what TCP.SetHeader writes.
type TCPFields struct {
	SrcPort, DstPort uint16
	Seq, Ack         uint32
	Flags            uint8
	Window           uint16
}

// SetHeader writes a header without options and computes the checksum over the
// segment; pseudo is the sum of the pseudo header. Precondition:
// len ≥ TCPMinLen.
func (s TCP) SetHeader(f TCPFields, pseudo uint16) {
	setBE16(s[0:2], f.SrcPort)
	setBE16(s[2:4], f.DstPort)
	setBE32(s[4:8], f.Seq)
	setBE32(s[8:12], f.Ack)
	s[12], s[13] = TCPMinLen/4<<4, f.Flags
	setBE16(s[14:16], f.Window)
	setBE32(s[16:20], 0)
	setBE16(s[16:18], ^Sum(s, pseudo))
}

// SetSegment makes a part of a segment out of it: its number and flags are
// others, and its checksum, in whose place the sum of the pseudo header of the
// whole is, of whole bytes, is computed.
func (s TCP) SetSegment(seq uint32, flags uint8, whole int) {
	setBE32(s[4:8], seq)
	s[13] = flags
	pseudo := ^Update(^s.Checksum(), uint16(whole), uint16(len(s)))
	setBE16(s[16:18], 0)
	setBE16(s[16:18], ^Sum(s, pseudo))
}
