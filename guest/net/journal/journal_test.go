package journal

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"tender/guest/net/wire"
)

var start = time.Date(2026, 11, 21, 15, 4, 5, 678901234, time.UTC)

func TestConsole(t *testing.T) {
	var out bytes.Buffer
	j := New(Config{Console: &out})
	j.SetTime(start)
	j.Console().Text("from ").Addr4(0x0a000001).Text(":").Uint(80).Text("\n").End()
	j.Syslog(Info).Text("to ").Addr(wire.Addr{Hi: 0x20010db8 << 32, Lo: 1}).End()
	if out.Len() != 0 || !j.Pending() {
		t.Error("written before Flush")
	}
	if err := j.Flush(); err != nil || j.Pending() {
		t.Error(err)
	}
	if want := "from 10.0.0.1:80\ninfo: to 2001:db8::1\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestConsoleIsBounded(t *testing.T) {
	var out bytes.Buffer
	j := New(Config{Console: &out})
	for range 1000 {
		j.Console().Text(strings.Repeat("x", 3*maxLine)).End()
	}
	j.Flush()
	c := j.Counters()
	if out.Len() > consoleBytes || c.Printed+c.Unprinted != 1000 || c.Unprinted == 0 {
		t.Errorf("%d bytes, %+v", out.Len(), c)
	}
}

// receiver is a syslog server, or one that cannot be reached.
type receiver struct {
	got  []string
	down bool
}

func (r *receiver) send(m []byte) bool {
	if !r.down {
		r.got = append(r.got, string(m))
	}
	return !r.down
}

func TestSyslog(t *testing.T) {
	var r receiver
	j := New(Config{Hostname: "fw", App: "rules", PerSecond: 100})
	j.SetServer(r.send)
	j.SetTime(start)
	j.Syslog(Warning).Text("Dropping ").Addr4(0xc0a80001).End()
	j.Flush()
	if want := "<12>1 2026-11-21T15:04:05.678901Z fw rules - - - Dropping 192.168.0.1"; len(r.got) != 1 || r.got[0] != want {
		t.Errorf("%q, want %q", r.got, want)
	}
}

// TestRate sends more than the rate allows: what was not sent is counted, and
// said as soon as it can be.
func TestRate(t *testing.T) {
	var r receiver
	j := New(Config{PerSecond: 100})
	j.SetServer(r.send)
	now := start
	for range 100 { // a second
		j.SetTime(now)
		for range 10 {
			j.Syslog(Info).Text("x").End()
		}
		j.Flush()
		now = now.Add(10 * time.Millisecond)
	}
	j.SetTime(now.Add(time.Second))
	j.Flush()
	c := j.Counters()
	said := 0
	for _, m := range r.got {
		if regexp.MustCompile(`[0-9]+ messages were not sent$`).MatchString(m) {
			said++
		}
	}
	if c.Sent < 110 || c.Sent > 130 || c.Sent+c.NotSent != 1000 || said < 1 || said > 3 {
		t.Errorf("%+v, said %d times", c, said)
	}
}

func TestServerDown(t *testing.T) {
	r := receiver{down: true}
	j := New(Config{})
	j.SetServer(r.send)
	j.SetTime(start)
	j.Syslog(Info).Text("x").End()
	j.Flush()
	for range 100 { // nothing to say, and no way to say it
		j.Flush()
	}
	if c := j.Counters(); c.NotSent != 1 || c.Sent != 0 {
		t.Errorf("%+v", c)
	}
	r.down = false
	j.SetTime(start.Add(2 * time.Second))
	j.Flush()
	j.Flush()
	if len(r.got) != 1 || !strings.HasSuffix(r.got[0], " 1 messages were not sent") {
		t.Errorf("said %q", r.got)
	}
}

func TestMessageIsCut(t *testing.T) {
	var r receiver
	j := New(Config{})
	j.SetServer(r.send)
	j.SetTime(start)
	j.Syslog(Info).Text(strings.Repeat("y", 5000)).Uint(1).Addr4(1).Text("z").End()
	j.Flush()
	if len(r.got) != 1 || len(r.got[0]) != MaxMessage {
		t.Errorf("%d messages, the first of %d bytes", len(r.got), len(r.got[0]))
	}
}

func TestNoAllocation(t *testing.T) {
	j := New(Config{Console: new(discard)})
	sent := 0
	j.SetServer(func([]byte) bool { sent++; return true })
	now := start
	if n := testing.AllocsPerRun(1000, func() {
		now = now.Add(time.Millisecond)
		j.SetTime(now)
		j.Console().Text("from ").Addr4(0x0a000001).Uint(7).End()
		j.Syslog(Err).Text("from ").Addr(wire.Addr{Hi: 1}).Uint(7).End()
		j.Flush()
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }
