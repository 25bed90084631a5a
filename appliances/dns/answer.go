package main

import (
	"github.com/miekg/dns"
)

const (
	// udpBytes is the largest answer over UDP: one that no path has to cut
	// into fragments (DNS flag day 2020).
	udpBytes = 1232
	// maxAliases is how many CNAME records one answer follows.
	maxAliases = 16
)

// answer is the reply to a request, of at most as many bytes as the client
// takes. Zone transfers are not its business: it refuses them.
func (all zones) answer(request *dns.Msg, udp bool) *dns.Msg {
	m := new(dns.Msg)
	m.SetReply(request)
	m.Compress = true
	m.RecursionAvailable = false
	limit := dns.MaxMsgSize
	if udp {
		limit = dns.MinMsgSize
	}
	options := 0
	for _, rr := range request.Extra {
		if o, ok := rr.(*dns.OPT); ok {
			options++
			m.SetEdns0(udpBytes, o.Do())
			if o.Version() != 0 {
				m.Rcode = dns.RcodeBadVers
			}
			if udp {
				limit = min(max(dns.MinMsgSize, int(o.UDPSize())), udpBytes)
			}
		}
	}
	switch {
	case options > 1 || len(request.Question) != 1:
		m.Rcode = dns.RcodeFormatError
		m.Extra = nil
	case m.Rcode != dns.RcodeSuccess:
	case request.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	default:
		all.resolve(m, request.Question[0])
	}
	m.Truncate(limit)
	return m
}

// resolve fills in the records that answer a question, following aliases as
// long as they lead to zones of ours.
func (all zones) resolve(m *dns.Msg, q dns.Question) {
	name := dns.CanonicalName(q.Name)
	z := all.of(name, q.Qtype)
	if z == nil || q.Qclass != dns.ClassINET || q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR {
		m.Rcode = dns.RcodeRefused
		return
	}
	m.Authoritative = true
	owner, seen := q.Name, map[string]bool{}
	for z != nil && len(seen) <= maxAliases && !seen[name] {
		seen[name] = true
		if owner = z.answer(m, owner, name, q.Qtype); owner == "" {
			break
		}
		name = dns.CanonicalName(owner)
		z = all.of(name, q.Qtype)
	}
	all.addAddresses(m)
}

// answer adds what the zone knows about a name, which is given as it was asked
// for and in its canonical form. It returns the name that it is an alias of,
// or "".
func (z *zone) answer(m *dns.Msg, owner, name string, qtype uint16) string {
	if cut := z.cut(name, qtype); cut != "" {
		m.Authoritative = len(m.Answer) > 0
		m.Ns = append(m.Ns, z.nodes[cut][dns.TypeNS]...)
		return ""
	}
	n, exists := z.nodes[name]
	if !exists {
		n = z.wildcard(name)
	}
	alias := n[dns.TypeCNAME]
	switch {
	case n == nil:
		m.Rcode = dns.RcodeNameError
		m.Ns = append(m.Ns, z.negative())
	case qtype == dns.TypeANY && len(n) > 0: // RFC 8482
		m.Answer = append(m.Answer, &dns.HINFO{
			Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: z.soa.Minttl},
			Cpu: "RFC8482",
		})
	case len(n[qtype]) > 0:
		m.Answer = append(m.Answer, owned(n[qtype], owner)...)
	case len(alias) > 0:
		m.Answer = append(m.Answer, owned(alias, owner)...)
		return alias[0].(*dns.CNAME).Target
	default:
		m.Ns = append(m.Ns, z.negative())
	}
	return ""
}

// negative is the SOA record of answers that say no, with the time that these
// may be kept (RFC 2308).
func (z *zone) negative() dns.RR {
	soa := *z.soa
	soa.Hdr.Ttl = min(soa.Hdr.Ttl, soa.Minttl)
	return &soa
}

// owned are copies of records under the name that was asked for: in the
// letters of the question, and in the place of a wildcard.
func owned(records []dns.RR, owner string) []dns.RR {
	out := make([]dns.RR, len(records))
	for i, rr := range records {
		out[i] = dns.Copy(rr)
		out[i].Header().Name = owner
	}
	return out
}

// addAddresses adds the addresses, as far as they are known here, of what the
// answer or the referral leads to. Those of a referral may lie below the cut.
func (all zones) addAddresses(m *dns.Msg) {
	var extra []dns.RR
	seen := map[string]bool{}
	for _, section := range [][]dns.RR{m.Answer, m.Ns} {
		for _, rr := range section {
			name := dns.CanonicalName(target(rr))
			if target(rr) == "" || seen[name] {
				continue
			}
			seen[name] = true
			if z := all.of(name, dns.TypeA); z != nil {
				extra = append(extra, z.nodes[name][dns.TypeA]...)
				extra = append(extra, z.nodes[name][dns.TypeAAAA]...)
			}
		}
	}
	m.Extra = append(extra, m.Extra...) // OPT stays last
}

// target is the host that a record names, "" for none.
func target(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.NS:
		return rr.Ns
	case *dns.MX:
		return rr.Mx
	case *dns.SRV:
		return rr.Target
	}
	return ""
}
