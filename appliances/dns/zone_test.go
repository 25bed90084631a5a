package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

const head = "@ 60 IN SOA ns hostmaster 1 2 3 4 5\n@ 60 IN NS ns\n"

func TestWrongZones(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"", "no SOA"},
		{"@ 60 IN NS ns\n", "begin with the SOA record"},
		{"@ 60 IN SOA ns hostmaster 1 2 3 4 5\n", "no NS"},
		{head + "@ 60 IN SOA ns hostmaster 2 2 3 4 5\n", "two SOA"},
		{head + "www.example.com. 60 IN A 10.0.0.1\n", "outside"},
		{head + "www 60 CH TXT a\n", "class CH"},
		{head + "www 60 IN DNAME a\n", "DNAME"},
		{head + "www 60 IN CNAME a\nwww 60 IN A 10.0.0.1\n", "no other record"},
		{head + "www 60 IN CNAME a\nwww 60 IN CNAME b\n", "no other record"},
		{head + "@ 60 IN CNAME a\n", "no other record"},
		{head + "www 60 IN A 10.0.0.256\n", "line: 3"},
		{head + "$INCLUDE other\n", "line: 3"},
		{head + "www 60 IN A\n", "no data"},
	} {
		_, err := readZone(strings.NewReader(c.text), "example.org", "a.zone")
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "a.zone") {
			t.Errorf("%q: %v; want %q and the file", c.text, err, c.want)
		}
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	z, err := readZone(strings.NewReader(head+"WWW 60 IN A 10.0.0.1\nwww 60 IN A 10.0.0.1\n"), "example.org", "a.zone")
	if err != nil || len(z.records) != 3 || len(z.nodes["www.example.org."][dns.TypeA]) != 1 {
		t.Errorf("got %v, %v", z, err)
	}
}

func TestWrongFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := readZones(dir); err == nil || !strings.Contains(err.Error(), "no file *.zone") {
		t.Errorf("an empty folder: %v", err)
	}
	for _, name := range []string{"example.org.zone", "again.zone"} {
		text := "$ORIGIN example.org.\n" + head
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := readZones(dir); err == nil || !strings.Contains(err.Error(), "in another file too") {
		t.Errorf("a zone in two files: %v", err)
	}
}

// TestRootZone serves the root: the zone that everything is in.
func TestRootZone(t *testing.T) {
	t.Parallel()
	z, err := readZone(strings.NewReader(". 60 IN SOA a. b. 1 2 3 4 5\n. 60 IN NS a.\norg. 60 IN NS a.\n*. 60 IN A 10.0.0.1\n"), ".", "root.zone")
	if err != nil {
		t.Fatal(err)
	}
	all := zones{".": z}
	for name, want := range map[string]string{"a.b.": "a.b. A 10.0.0.1", ".": "", "example.org.": ""} {
		m := all.answer(new(dns.Msg).SetQuestion(name, dns.TypeA), false)
		if m.Rcode != dns.RcodeSuccess || lines(m.Answer) != want || m.Authoritative != (name != "example.org.") {
			t.Errorf("%s: %v", name, m)
		}
	}
}

func TestParent(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{".": ".", "org.": ".", "a.org.": "org.", `a\.b.org.`: "org."} {
		if got := parent(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

// FuzzZone reads zone files, and asks each that is right for its own names.
func FuzzZone(f *testing.F) {
	f.Add(head + "www 60 IN A 10.0.0.1\n*.a 60 IN CNAME www\n")
	f.Add("$ORIGIN .\n" + head + "a.b 60 IN TXT x\n")
	f.Add(head + `\000\.x 60 IN A 10.0.0.1` + "\nsub 60 IN NS ns.sub\n")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToUpper(text), "$GENERATE") {
			return // it may make many records
		}
		z, err := readZone(strings.NewReader(text), "example.org", "a.zone")
		if (z == nil) == (err == nil) {
			t.Fatalf("zone %v, error %v", z, err)
		}
		if err != nil {
			return
		}
		all := zones{z.origin: z}
		for _, rr := range z.records {
			m := all.answer(new(dns.Msg).SetQuestion(rr.Header().Name, rr.Header().Rrtype), false)
			if m.Rcode == dns.RcodeNameError {
				t.Errorf("%v: %v", rr, m)
			}
		}
	})
}
