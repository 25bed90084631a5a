package stack

import (
	"math"
	"net/netip"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

// When memory is short, frames are lost; when it is not any more, they are not.
func TestPressure(t *testing.T) {
	guest, _ := newCable(1500)
	tight := small
	tight.memory = heapBytes() + 1<<20
	n, _ := startSmall(t, tight, "--ipv4=10.0.0.1/24 --quiet", guest)
	memory := make([]byte, 2*tight.memory)
	frame := crafted{}.tcp(netip.MustParseAddrPort("10.0.0.2:5000"), netip.MustParseAddrPort("10.0.0.1:80"), header.TCPFlagSyn, 1)
	counters := func() Counters { k, _ := n.Counters("net0"); return k }
	send := func() { flood(t, guest, 4*readBatch, func(int) []byte { return frame }) }
	send()
	waitFor(t, "a frame that is lost", func() bool { return counters().RxNoMemory > 0 })
	memory[0] = 1 // until here it is in use
	memory = nil
	_ = memory
	waitFor(t, "a frame that is not lost", func() bool {
		before := counters().RxFrames
		send()
		return counters().RxFrames > before+2*readBatch
	})
}

func TestMeter(t *testing.T) {
	for _, test := range []struct {
		limit int64
		over  bool
	}{{1 << 10, true}, {1 << 40, false}, {math.MaxInt64, false}} {
		m := newMeter(test.limit)
		if got := m.over(); got != test.over {
			t.Errorf("limit %d: %t", test.limit, got)
		}
	}
	m := newMeter(1 << 10)
	m.over()
	at := m.collected
	if !m.over() || m.collected != at || time.Since(at) > time.Minute {
		t.Error("collects garbage each time")
	}
}

// What is asked once per readBatch frames.
func BenchmarkMeter(b *testing.B) {
	m := newMeter(1 << 40)
	for b.Loop() {
		m.over()
	}
}

func TestLimits(t *testing.T) {
	for _, memory := range []int64{1, 20 << 20, 90 << 20, 1 << 30, 4 << 30, math.MaxInt64} {
		l := limitsFor(memory)
		if l.tcpInitial > l.tcpMax || l.datagrams > l.datagramsMax || l.timeWait < time.Second || l.timeWait > time.Minute || l.backlog < 128 {
			t.Errorf("%d bytes: %+v", memory, l)
		}
		t.Logf("%d MiB: %+v", memory>>20, l)
	}
}
