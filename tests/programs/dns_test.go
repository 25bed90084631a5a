package programs

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// nameServer serves the zones that its own tests use.
var nameServer = newAppliance("dns", func(dir string) error {
	return os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "appliances", "dns", "testdata", "zones")))
})

// TestDNS is a user with dig.
func TestDNS(t *testing.T) {
	everywhere(t, func(t *testing.T, k kind) {
		suite.NeedTools(t, "dig")
		h := start(t, k, nameServer, "53", "--zones={srv}", "--transfer="+clientIPv4)
		for _, c := range []struct {
			name string
			test func(*host)
		}{{"answers", dnsAnswers}, {"many", dnsMany}, {"transfer", dnsTransfer}, {"hostile", dnsHostile}} {
			t.Run(c.name, func(t *testing.T) { c.test(h.with(t)) })
		}
		h.terminate()
		h.mustEnd(20*time.Second, 0)
	})
}

// dig is the command that asks the server, once.
func dig(args ...string) []string {
	words := []string{"dig", "+tries=1", "+time=5", "+norecurse"}
	if len(args) == 0 || !strings.HasPrefix(args[0], "@") {
		words = append(words, "@"+serverIPv4)
	}
	return append(words, args...)
}

func dnsAnswers(h *host) {
	const aa = "flags: qr aa;"
	for _, c := range []struct {
		texts []string
		args  []string
	}{
		{[]string{"NOERROR", aa, "192.0.2.80", "192.0.2.81", "ANSWER: 2"}, []string{"www.example.org", "A"}},
		{[]string{"NOERROR", aa, "2001:db8::80", "(fd00::2)"}, []string{"@" + serverIPv6, "www.example.org", "AAAA"}},
		{[]string{"NOERROR", aa, "2001:db8::80", "(TCP)"}, []string{"+tcp", "www.example.org", "AAAA"}},
		{[]string{"NOERROR", aa, "(TCP)", "(fd00::2)"}, []string{"@" + serverIPv6, "+tcp", "www.example.org", "AAAA"}},
		{[]string{"NXDOMAIN", aa, "ANSWER: 0", "SOA\tns1.example.org."}, []string{"absent.example.org", "A"}},
		{[]string{"NOERROR", aa, "ANSWER: 0", "SOA\tns1.example.org."}, []string{"www.example.org", "MX"}},
		{[]string{"NOERROR", aa, "ANSWER: 4", "CNAME\tftp.example.org.", "CNAME\twww.example.org.", "192.0.2.81"}, []string{"two.steps.example.org", "A"}},
		{[]string{"NOERROR", aa, `"from the wildcard"`}, []string{"anything.wild.example.org", "TXT"}},
		{[]string{"NOERROR", "flags: qr;", "ANSWER: 0", "AUTHORITY: 2", "192.0.2.53"}, []string{"a.child.example.org", "A"}},
		{[]string{"NOERROR", aa, "0 5 5060 mail.example.org.", "2001:db8::25"}, []string{"_sip._tcp.example.org", "SRV"}},
		{[]string{"NOERROR", aa, "www.example.org."}, []string{"-x", "192.0.2.80"}},
		{[]string{"NOERROR", aa, `HINFO	"RFC8482" ""`}, []string{"+notcp", "www.example.org", "ANY"}},
		{[]string{"REFUSED"}, []string{"www.example.com", "A"}},
		{[]string{"REFUSED"}, []string{"CH", "TXT", "version.bind"}},
		{[]string{"BADVERS", "version: 0"}, []string{"+edns=1", "+noednsneg", "www.example.org", "A"}},
		{[]string{"flags: do; udp: 1232"}, []string{"+dnssec", "+bufsize=4096", "www.example.org", "A"}},
		{[]string{"flags: qr aa;", "ANSWER: 8", "(UDP)"}, []string{"+bufsize=1232", "large.example.org", "TXT"}},
		{[]string{"flags: qr aa tc;"}, []string{"+noedns", "+ignore", "large.example.org", "TXT"}},
		{[]string{"Truncated, retrying in TCP mode", "ANSWER: 8", "(TCP)"}, []string{"+noedns", "large.example.org", "TXT"}},
		{[]string{"ANSWER: 8"}, []string{"+tcp", "+noedns", "large.example.org", "TXT"}},
		{[]string{"status: NOTIMP"}, []string{"+opcode=NOTIFY", "example.org", "SOA"}},
	} {
		h.mustPrint(c.texts, dig(c.args...)...)
	}
}

// dnsMany asks for 2000 names, each of which has to be answered: one after the
// other over UDP, and on one connection of TCP.
func dnsMany(h *host) {
	names := filepath.Join(h.t.TempDir(), "names")
	var text strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&text, "host-%d.example.org A\n", i+1)
	}
	must(h.t, os.WriteFile(names, []byte(text.String()), 0o600))
	for _, how := range [][]string{{"+notcp"}, {"+tcp", "+keepopen"}} {
		out := h.output(dig(append(how, "+short", "-f", names)...)...)
		if n := strings.Count(out, "10.9.0.1\n"); n != 2000 {
			h.t.Errorf("%s: %d answers, want 2000", how, n)
		}
	}
}

// dnsTransfer copies a zone, and tries what is not allowed.
func dnsTransfer(h *host) {
	out := h.mustPrint([]string{"host-2000.example.org.", "XFR size: 20"}, dig("example.org", "AXFR")...)
	if n := strings.Count(out, "IN\tSOA"); n != 2 {
		h.t.Errorf("the copy has %d SOA records, want one at each end", n)
	}
	h.mustPrint([]string{"Transfer failed"}, dig("@"+serverIPv6, "example.org", "AXFR")...)
	h.mustPrint([]string{"Transfer failed"}, dig("www.example.org", "AXFR")...)
}

// dnsHostile sends what is no request, and wants the server to go on.
func dnsHostile(h *host) {
	c, err := h.dial(h.t.Context(), "udp", serverIPv4+":53")
	must(h.t, err)
	defer c.Close()
	for _, packet := range []string{
		"", "\x00", strings.Repeat("\x00", 12), strings.Repeat("\xff", 512), strings.Repeat("\xc0\x0c", 600),
		"\x12\x34\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x00\x00\x01\x00\x01", // an answer
		"\x12\x34\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01",    // a name that points at itself
		"\x12\x34\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\x03www\x00\x00\x01\x00\x01",
	} {
		_, err := io.WriteString(c, packet)
		must(h.t, err)
	}
	// Streams that end early, stay silent, or promise more than there is.
	for i := range 200 {
		s, err := h.dial(h.t.Context(), "tcp", serverIPv4+":53")
		if err != nil {
			h.t.Fatalf("connection %d: %v", i, err)
		}
		defer s.Close()
		io.WriteString(s, []string{"", "\xff", "\xff\xffabc", "\x00\x00"}[i%4])
	}
	h.mustPrint([]string{"192.0.2.80"}, dig("www.example.org", "A")...)
	h.mustPrint([]string{"192.0.2.80"}, dig("+tcp", "www.example.org", "A")...)
}
