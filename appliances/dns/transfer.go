package main

import (
	"net/netip"

	"github.com/miekg/dns"
)

// envelopeBytes is how much of a zone goes into one message, about; a record
// more fits in any case.
const envelopeBytes = 16 << 10

// copied is the zone that a client may copy and asks for, nil if it does not.
func (s *server) copied(request *dns.Msg, from netip.Addr) *zone {
	if request.Opcode != dns.OpcodeQuery || len(request.Question) != 1 {
		return nil
	}
	q := request.Question[0]
	if q.Qtype != dns.TypeAXFR || q.Qclass != dns.ClassINET {
		return nil
	}
	for _, p := range s.transfer {
		if p.Contains(from) {
			return s.zones[dns.CanonicalName(q.Name)]
		}
	}
	return nil
}

// send sends the whole zone (RFC 5936): all records, and the SOA again. The
// client is not there any more where an error ends it.
func (z *zone) send(w dns.ResponseWriter, request *dns.Msg) {
	for records := range z.envelopes() {
		m := new(dns.Msg)
		m.SetReply(request)
		m.Authoritative, m.Compress = true, true
		m.Answer = records
		if w.WriteMsg(m) != nil {
			return
		}
	}
}

// envelopes yields the records of the messages of a transfer.
func (z *zone) envelopes() func(yield func([]dns.RR) bool) {
	return func(yield func([]dns.RR) bool) {
		all := append(z.records[:len(z.records):len(z.records)], z.soa)
		begin, size := 0, 0
		for i, rr := range all {
			n := dns.Len(rr)
			if i > begin && size+n > envelopeBytes {
				if !yield(all[begin:i]) {
					return
				}
				begin, size = i, 0
			}
			size += n
		}
		yield(all[begin:])
	}
}
