package main

import (
	"bytes"
	"context"
	"net/netip"
	"regexp"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// printed hands on what is printed.
type printed chan string

func (p printed) Write(b []byte) (int, error) {
	p <- string(b)
	return len(b), nil
}

// TestServe starts the program, asks over UDP and TCP, copies a zone, and
// stops it.
func TestServe(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, status := make(printed, 16), make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		status <- run(ctx, []string{"--zones=testdata/zones", "--listen=127.0.0.1:0", "--transfer=127.0.0.1"}, out, &stderr)
	}()
	var address string
	for address == "" {
		select {
		case line := <-out:
			if m := regexp.MustCompile(`^dns: udp and tcp (\S+)\n$`).FindStringSubmatch(line); m != nil {
				address = m[1]
			}
		case s := <-status:
			t.Fatalf("status %d, %q", s, &stderr)
		}
	}
	question := new(dns.Msg).SetQuestion("www.example.org.", dns.TypeAAAA)
	for _, network := range []string{"udp", "tcp"} {
		m, _, err := (&dns.Client{Net: network, Timeout: 5 * time.Second}).Exchange(question, address)
		if err != nil || lines(m.Answer) != "www.example.org. AAAA 2001:db8::80" {
			t.Errorf("%s: %v, %v", network, m, err)
		}
	}
	kept, err := dns.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 { // on one connection
		if _, _, err := new(dns.Client).ExchangeWithConn(question, kept); err != nil {
			t.Fatalf("question %d: %v", i, err)
		}
	}
	kept.Close()
	envelopes, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr("example.org."), address)
	if err != nil {
		t.Fatal(err)
	}
	records, messages := 0, 0
	for e := range envelopes {
		if e.Error != nil {
			t.Error(e.Error)
		}
		records += len(e.RR)
		messages++
	}
	if want := len(testZones(t)["example.org."].records) + 1; records != want || messages < 2 {
		t.Errorf("the copy has %d records in %d messages, want %d in several", records, messages, want)
	}
	cancel()
	if s := <-status; s != exitOK || stderr.Len() != 0 {
		t.Errorf("status %d, %q", s, &stderr)
	}
}

// TestWhoMayCopy tries addresses, forms of requests, and zones.
func TestWhoMayCopy(t *testing.T) {
	t.Parallel()
	s := &server{zones: testZones(t), transfer: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("fd00::1/128")}}
	for _, c := range []struct {
		from, name string
		qtype      uint16
		allowed    bool
	}{
		{"10.0.0.1", "Example.org.", dns.TypeAXFR, true},
		{"fd00::1", "example.org.", dns.TypeAXFR, true},
		{"10.0.1.1", "example.org.", dns.TypeAXFR, false},
		{"fd00::2", "example.org.", dns.TypeAXFR, false},
		{"10.0.0.1", "www.example.org.", dns.TypeAXFR, false}, // no zone
		{"10.0.0.1", "example.org.", dns.TypeIXFR, false},
		{"10.0.0.1", "example.org.", dns.TypeA, false},
	} {
		z := s.copied(new(dns.Msg).SetQuestion(c.name, c.qtype), netip.MustParseAddr(c.from))
		if (z != nil) != c.allowed {
			t.Errorf("%+v: %v", c, z)
		}
	}
}
