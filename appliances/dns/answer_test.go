package main

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func testZones(t testing.TB) zones {
	t.Helper()
	all, err := readZones("testdata/zones")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// lines are the records without their time to live, in one line.
func lines(section []dns.RR) string {
	var out []string
	for _, rr := range section {
		if rr.Header().Rrtype == dns.TypeOPT {
			continue
		}
		f := strings.Fields(rr.String())
		out = append(out, strings.Join(append(f[:1], f[3:]...), " "))
	}
	return strings.Join(out, "; ")
}

// TestAnswers asks for each kind of thing that a zone can hold.
func TestAnswers(t *testing.T) {
	t.Parallel()
	all := testZones(t)
	const soa = "example.org. SOA ns1.example.org. hostmaster.example.org. 2026112101 7200 1800 1209600 300"
	const www = "A 192.0.2.80; WWW.example.org. A 192.0.2.81"
	for _, c := range []struct {
		name, qtype, status string
		authoritative       bool
		answer, ns, extra   string
	}{
		{"WWW.example.org.", "A", "NOERROR", true, "WWW.example.org. " + www, "", ""},
		{"www.example.org.", "MX", "NOERROR", true, "", soa, ""},
		{"absent.example.org.", "A", "NXDOMAIN", true, "", soa, ""},
		{"www.www.example.org.", "A", "NXDOMAIN", true, "", soa, ""},
		{"steps.example.org.", "A", "NOERROR", true, "", soa, ""}, // an empty non-terminal
		{"_tcp.example.org.", "ANY", "NOERROR", true, "", soa, ""},
		{"example.org.", "SOA", "NOERROR", true, soa, "", ""},
		{"example.org.", "MX", "NOERROR", true, "example.org. MX 10 mail.example.org.", "",
			"mail.example.org. A 192.0.2.25; mail.example.org. AAAA 2001:db8::25"},
		{"_sip._tcp.example.org.", "SRV", "NOERROR", true, "_sip._tcp.example.org. SRV 0 5 5060 mail.example.org.", "",
			"mail.example.org. A 192.0.2.25; mail.example.org. AAAA 2001:db8::25"},
		{"www.example.org.", "ANY", "NOERROR", true, `www.example.org. HINFO "RFC8482" ""`, "", ""},
		{"www.example.org.", "AXFR", "REFUSED", false, "", "", ""},
		{"www.example.com.", "A", "REFUSED", false, "", "", ""},
		{".", "NS", "REFUSED", false, "", "", ""},
		{"org.", "NS", "REFUSED", false, "", "", ""},
		{"80.2.0.192.in-addr.arpa.", "PTR", "NOERROR", true, "80.2.0.192.in-addr.arpa. PTR www.example.org.", "", ""},

		// Aliases.
		{"ftp.example.org.", "CNAME", "NOERROR", true, "ftp.example.org. CNAME www.example.org.", "", ""},
		{"two.steps.example.org.", "AAAA", "NOERROR", true, "two.steps.example.org. CNAME ftp.example.org.; " +
			"ftp.example.org. CNAME www.example.org.; www.example.org. AAAA 2001:db8::80", "", ""},
		{"ftp.example.org.", "MX", "NOERROR", true, "ftp.example.org. CNAME www.example.org.", soa, ""},
		{"outside.example.org.", "A", "NOERROR", true, "outside.example.org. CNAME www.example.com.", "", ""},
		{"nowhere.example.org.", "A", "NXDOMAIN", true, "nowhere.example.org. CNAME absent.example.org.", soa, ""},
		{"loop1.example.org.", "A", "NOERROR", true, "loop1.example.org. CNAME loop2.example.org.; loop2.example.org. CNAME loop1.example.org.", "", ""},
		{"to-own.example.org.", "A", "NOERROR", true, "to-own.example.org. CNAME www.own.example.org.; www.own.example.org. A 192.0.2.90", "", ""},

		// Wildcards.
		{"a.wild.example.org.", "A", "NOERROR", true, "a.wild.example.org. A 192.0.2.99", "", ""},
		{"A.b.wild.example.org.", "TXT", "NOERROR", true, `A.b.wild.example.org. TXT "from the wildcard"`, "", ""},
		{"a.wild.example.org.", "MX", "NOERROR", true, "", soa, ""},
		{"*.wild.example.org.", "A", "NOERROR", true, "*.wild.example.org. A 192.0.2.99", "", ""},
		{"here.wild.example.org.", "TXT", "NOERROR", true, "", soa, ""},        // it exists
		{"below.here.wild.example.org.", "TXT", "NXDOMAIN", true, "", soa, ""}, // and hides the wildcard
		{"x.alias.example.org.", "AAAA", "NOERROR", true, "x.alias.example.org. CNAME www.example.org.; www.example.org. AAAA 2001:db8::80", "", ""},

		// Delegations.
		{"a.child.example.org.", "A", "NOERROR", false, "", "child.example.org. NS ns.child.example.org.; child.example.org. NS ns1.example.org.",
			"ns.child.example.org. A 192.0.2.53; ns1.example.org. A 10.0.0.2; ns1.example.org. AAAA fd00::2"},
		{"ns.child.example.org.", "A", "NOERROR", false, "", "child.example.org. NS ns.child.example.org.; child.example.org. NS ns1.example.org.",
			"ns.child.example.org. A 192.0.2.53; ns1.example.org. A 10.0.0.2; ns1.example.org. AAAA fd00::2"},
		{"child.example.org.", "DS", "NOERROR", true, "child.example.org. DS 12345 13 2 3490A6806D47F17A34C29E2CE80E8A999FFBE4BE3490A6806D47F17A34C29E2C", "", ""},
		{"own.example.org.", "DS", "NOERROR", true, "", soa, ""}, // the zone above answers
		{"own.example.org.", "NS", "NOERROR", true, "own.example.org. NS ns1.example.org.", "",
			"ns1.example.org. A 10.0.0.2; ns1.example.org. AAAA fd00::2"},
		{"example.org.", "DS", "NOERROR", true, "", soa, ""}, // the zone above is not here
	} {
		request := new(dns.Msg).SetQuestion(c.name, dns.StringToType[c.qtype])
		m := all.answer(request, false)
		if got := dns.RcodeToString[m.Rcode]; got != c.status || m.Authoritative != c.authoritative || m.RecursionAvailable || m.Truncated {
			t.Errorf("%s %s: %s, authoritative %v; want %s, %v", c.name, c.qtype, got, m.Authoritative, c.status, c.authoritative)
		}
		for _, section := range []struct {
			name      string
			got, want string
		}{{"answer", lines(m.Answer), c.answer}, {"authority", lines(m.Ns), c.ns}, {"additional", lines(m.Extra), c.extra}} {
			if section.got != section.want {
				t.Errorf("%s %s: %s section\n%s\nwant\n%s", c.name, c.qtype, section.name, section.got, section.want)
			}
		}
	}
}

// TestNegativeTTL wants the smaller of the two times of the SOA record.
func TestNegativeTTL(t *testing.T) {
	t.Parallel()
	m := testZones(t).answer(new(dns.Msg).SetQuestion("absent.example.org.", dns.TypeA), false)
	if len(m.Ns) != 1 || m.Ns[0].Header().Ttl != 300 {
		t.Errorf("the authority section is %v, want a time of 300 s", m.Ns)
	}
}

// TestSizes asks for much, with different limits.
func TestSizes(t *testing.T) {
	t.Parallel()
	all := testZones(t)
	for _, c := range []struct {
		udp       bool
		edns      uint16 // 0 for none
		limit     int
		truncated bool
	}{
		{true, 0, 512, true},
		{true, 100, 512, true}, // less than the least counts as that
		{true, 600, 600, true},
		{true, 4096, udpBytes, false},
		{false, 0, dns.MaxMsgSize, false},
		{false, 512, dns.MaxMsgSize, false},
	} {
		request := new(dns.Msg).SetQuestion("large.example.org.", dns.TypeTXT)
		if c.edns > 0 {
			request.SetEdns0(c.edns, true)
		}
		m := all.answer(request, c.udp)
		wire, err := m.Pack()
		if err != nil || len(wire) > c.limit || m.Truncated != c.truncated || (len(m.Answer) == 8) == c.truncated {
			t.Errorf("%+v: %d bytes, %d records, truncated %v, %v", c, len(wire), len(m.Answer), m.Truncated, err)
		}
		o := m.IsEdns0()
		if (o != nil) != (c.edns > 0) || o != nil && (!o.Do() || o.UDPSize() != udpBytes) {
			t.Errorf("%+v: options %v", c, o)
		}
	}
}

// TestOddRequests are well-formed and not for us.
func TestOddRequests(t *testing.T) {
	t.Parallel()
	all := testZones(t)
	ask := func(change func(*dns.Msg)) *dns.Msg {
		m := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeA)
		change(m)
		return m
	}
	for _, c := range []struct {
		name    string
		request *dns.Msg
		status  int
	}{
		{"no question", ask(func(m *dns.Msg) { m.Question = nil }), dns.RcodeFormatError},
		{"two questions", ask(func(m *dns.Msg) { m.Question = append(m.Question, m.Question...) }), dns.RcodeFormatError},
		{"class CH", ask(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), dns.RcodeRefused},
		{"NOTIFY", ask(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), dns.RcodeNotImplemented},
		{"UPDATE", ask(func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }), dns.RcodeNotImplemented},
		{"EDNS version 1", ask(func(m *dns.Msg) { m.SetEdns0(512, false); m.IsEdns0().SetVersion(1) }), dns.RcodeBadVers},
		{"two OPT records", ask(func(m *dns.Msg) { m.SetEdns0(512, false); m.SetEdns0(512, false) }), dns.RcodeFormatError},
	} {
		m := all.answer(c.request, true)
		if m.Rcode != c.status || len(m.Answer)+len(m.Ns) > 0 {
			t.Errorf("%s: %v, want %s", c.name, m, dns.RcodeToString[c.status])
		}
		if _, err := m.Pack(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// FuzzAnswer answers whatever can be read, within the limit.
func FuzzAnswer(f *testing.F) {
	for name, qtype := range map[string]uint16{
		".": dns.TypeNS, "www.example.org.": dns.TypeA, "a.b.wild.example.org.": dns.TypeTXT, "large.example.org.": dns.TypeTXT,
		"a.child.example.org.": dns.TypeANY, `a\.b\000.example.org.`: dns.TypeDS, "loop1.example.org.": dns.TypeAAAA,
	} {
		wire, err := new(dns.Msg).SetQuestion(name, qtype).SetEdns0(600, true).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire, true)
	}
	all := testZones(f)
	f.Fuzz(func(t *testing.T, wire []byte, udp bool) {
		request := new(dns.Msg)
		if request.Unpack(wire) != nil {
			return
		}
		m := all.answer(request, udp)
		out, err := m.Pack()
		if err != nil {
			t.Fatalf("%v cannot be sent: %v", m, err)
		}
		if udp && len(out) > udpBytes || len(out) > dns.MaxMsgSize {
			t.Errorf("%d bytes", len(out))
		}
		if !m.Response || m.Id != request.Id {
			t.Errorf("no answer to %v: %v", request, m)
		}
	})
}
