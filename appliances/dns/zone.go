package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/miekg/dns"
)

// zone is what a zone file says. It does not change once it is read.
type zone struct {
	origin string // canonical, as are all names that are keys
	soa    *dns.SOA
	// nodes has an entry for every name that exists, also for those that only
	// have names below them.
	nodes   map[string]node
	records []dns.RR // all, the SOA first
}

// node is the records of a name by their type.
type node map[uint16][]dns.RR

// readZone reads a zone file. The name of the file is for errors.
func readZone(r io.Reader, origin, file string) (*zone, error) {
	z := &zone{nodes: map[string]node{}}
	parser := dns.NewZoneParser(r, dns.Fqdn(origin), file)
	for rr, more := parser.Next(); more; rr, more = parser.Next() {
		soa, isSOA := rr.(*dns.SOA)
		switch {
		case isSOA && z.soa != nil:
			return nil, fmt.Errorf("%s: there are two SOA records, of %s and %s", file, z.soa.Hdr.Name, soa.Hdr.Name)
		case !isSOA && z.soa == nil:
			return nil, fmt.Errorf("%s: the first record is %s of %s: begin with the SOA record", file, typeName(rr), rr.Header().Name)
		case isSOA:
			z.soa, z.origin = soa, dns.CanonicalName(soa.Hdr.Name)
		}
		if err := z.add(rr); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if err := parser.Err(); err != nil {
		return nil, err // it names the file and the line
	}
	if z.soa == nil {
		return nil, fmt.Errorf("%s: there is no SOA record", file)
	}
	if err := z.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return z, nil
}

// add takes a record; one that is there already is left out.
func (z *zone) add(rr dns.RR) error {
	h := rr.Header()
	name := dns.CanonicalName(h.Name)
	switch {
	case h.Class != dns.ClassINET:
		return fmt.Errorf("%s of %s is of class %s: only IN is served", typeName(rr), h.Name, dns.ClassToString[h.Class])
	case h.Rrtype == dns.TypeDNAME:
		return fmt.Errorf("%s has a DNAME record: these are not served", h.Name)
	case !dns.IsSubDomain(z.origin, name):
		return fmt.Errorf("%s of %s is outside of the zone %s", typeName(rr), h.Name, z.origin)
	}
	if err := sendable(rr); err != nil {
		return fmt.Errorf("%s of %s: %w", typeName(rr), h.Name, err)
	}
	n := z.make(name)
	for _, other := range n[h.Rrtype] {
		if dns.IsDuplicate(rr, other) {
			return nil
		}
	}
	n[h.Rrtype] = append(n[h.Rrtype], rr)
	z.records = append(z.records, rr)
	return nil
}

// sendable tells whether a record has its place in an answer. The parser takes
// records without data, which only updates may have.
func sendable(rr dns.RR) error {
	wire := make([]byte, dns.Len(rr)+1)
	end, err := dns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return err
	}
	header := *rr.Header()
	begin, err := dns.PackRR(&dns.RFC3597{Hdr: header}, wire, 0, nil, false)
	if err == nil && begin == end {
		err = errors.New("it has no data")
	}
	return err
}

// make makes a name exist, and with it those above it in the zone.
func (z *zone) make(name string) node {
	n, ok := z.nodes[name]
	if ok {
		return n
	}
	n = node{}
	z.nodes[name] = n
	if name != z.origin {
		z.make(parent(name))
	}
	return n
}

// check is for what needs all of the zone.
func (z *zone) check() error {
	if len(z.nodes[z.origin][dns.TypeNS]) == 0 {
		return fmt.Errorf("%s has no NS record", z.origin)
	}
	for name, n := range z.nodes {
		if aliases := len(n[dns.TypeCNAME]); aliases > 1 || aliases == 1 && len(n) > 1 {
			return fmt.Errorf("%s has a CNAME record: it can have no other record", name)
		}
	}
	return nil
}

// cut is the name at which the zone delegates what holds a name to others, ""
// if it does not. The DS records of a delegation are above it.
func (z *zone) cut(name string, qtype uint16) string {
	found := ""
	for at := name; at != z.origin; at = parent(at) {
		if len(z.nodes[at][dns.TypeNS]) > 0 && !(at == name && qtype == dns.TypeDS) {
			found = at
		}
	}
	return found
}

// wildcard is what stands for a name that does not exist, nil for nothing: the
// asterisk below the nearest name that does (RFC 4592).
func (z *zone) wildcard(name string) node {
	for at := parent(name); ; at = parent(at) {
		if _, exists := z.nodes[at]; exists {
			return z.nodes["*."+strings.TrimPrefix(at, ".")]
		}
	}
}

// parent is the name without its first label; that of the root is the root.
func parent(name string) string {
	if next, end := dns.NextLabel(name, 0); !end {
		return name[next:]
	}
	return "."
}

func typeName(rr dns.RR) string { return dns.Type(rr.Header().Rrtype).String() }
