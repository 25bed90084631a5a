package datapath

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMetrics(t *testing.T) {
	var left, right Counters
	left.Received.Store(3)
	left.ReceivedBytes.Store(1<<64 - 1)
	right.Sent.Store(4)
	for d := range Drops {
		right.dropped[d].Store(100 + uint64(d))
	}
	var b bytes.Buffer
	WriteMetrics(&b, "a\"b\\c\nd\xff", []DeviceCounters{{"left", &left}, {"right", &right}})
	text := b.String()
	form := regexp.MustCompile(`^(# (HELP|TYPE) tender_net_[a-z_]+ .+|tender_net_[a-z]+_total\{guest="a\\"b\\\\c\\nd\x{fffd}",device="(left|right)",direction="(receive|send)"(,reason="[a-z_]+")?\} \d+)$`)
	seen := map[string]bool{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if !form.MatchString(line) || seen[line] {
			t.Errorf("line %q", line)
		}
		seen[line] = true
	}
	for _, want := range []string{
		`device="left",direction="receive"} 3`, `device="left",direction="receive"} 18446744073709551615`,
		`device="right",direction="send"} 4`, `device="right",direction="send",reason="down"} 107`,
		`device="right",direction="receive",reason="too_long"} 101`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if got, want := right.NotSent(), uint64(104+105+106+107+108+109); got != want {
		t.Errorf("%d not sent, want %d", got, want)
	}
}

func TestSendDrop(t *testing.T) {
	for errno, want := range map[unix.Errno]Drop{
		0: SendFailed, unix.EAGAIN: SendFull, unix.EIO: SendDown, unix.EBADFD: SendGone, unix.EINVAL: SendInvalid, unix.EPERM: SendFailed,
	} {
		if got := sendDrop(errno); got != want {
			t.Errorf("%v: %v, want %v", errno, got, want)
		}
	}
}

// A thread that is pinned runs there, and one that never starts ends.
func TestPin(t *testing.T) {
	b := newBench(t, true)
	if err := b.Pin(1 << 20); err == nil {
		t.Error("pinned to a CPU that does not exist")
	}
	if err := b.Pin(maxCPUs - 1); err == nil {
		t.Error("pinned to a CPU that does not exist")
	}
	check(t, b.Pin(0))
	b.Start(nil)
	check(t, stopSoon(t, b.Thread))
	check(t, newBench(t, true).Pin(0))
}
