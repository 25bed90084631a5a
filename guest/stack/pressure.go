package stack

import (
	"math"
	"runtime"
	"runtime/metrics"
	"time"
)

// meter tells the reader of a device when memory is so short that frames had
// better be lost: netstack bounds what each socket and each table takes, but not
// the sum. It is for one goroutine.
type meter struct {
	limit     uint64 // bytes of objects on the heap
	sample    [1]metrics.Sample
	collected time.Time // when over has last had the garbage collected
}

// newMeter makes a meter for a heap with a soft limit. It counts an eighth more as
// short: a program that itself fills the heap up to its limit keeps its network.
func newMeter(softLimit int64) *meter {
	m := &meter{limit: uint64(softLimit) + uint64(softLimit)/8}
	if softLimit == math.MaxInt64 {
		m.limit = math.MaxUint64
	}
	m.sample[0].Name = "/memory/classes/heap/objects:bytes"
	return m
}

// over reports whether memory is short. What it counts contains garbage, so it
// collects that before it says so, at most once per second.
func (m *meter) over() bool {
	if m.limit == math.MaxUint64 || m.objects() <= m.limit {
		return false
	}
	if time.Since(m.collected) < time.Second {
		return true
	}
	runtime.GC()
	m.collected = time.Now()
	return m.objects() > m.limit
}

// objects is the size of the objects on the heap.
func (m *meter) objects() uint64 {
	metrics.Read(m.sample[:])
	return m.sample[0].Value.Uint64()
}
