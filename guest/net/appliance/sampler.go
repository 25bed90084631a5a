package appliance

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// sampler looks now and then at what every goroutine but its own is doing.
type sampler struct {
	mu    sync.Mutex
	seen  map[string]int
	looks int
}

// samplePeriod is the time between two looks, sampleTop how many functions
// are printed.
const (
	samplePeriod = 10 * time.Millisecond
	sampleTop    = 5
)

func newSampler() *sampler { return &sampler{seen: map[string]int{}} }

// start looks until stop is called.
func (s *sampler) start() (stop func()) {
	done := make(chan struct{})
	go func() {
		t := time.NewTicker(samplePeriod)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				s.look()
			}
		}
	}()
	return func() { close(done) }
}

// look counts, for each goroutine, the first function of its stack that is not
// the runtime's.
func (s *sampler) look() {
	var records [32]runtime.StackRecord
	n, ok := runtime.GoroutineProfile(records[:])
	if !ok {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	for i := range records[:n] {
		frames := runtime.CallersFrames(records[i].Stack())
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if strings.HasSuffix(f.Function, ".(*sampler).look") {
				break
			}
			if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
				s.seen[f.Function]++
				break
			}
		}
	}
}

// print prints the functions seen most often since the last call.
func (s *sampler) print(b *bytes.Buffer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.SortedFunc(maps.Keys(s.seen), func(x, y string) int {
		return cmp.Or(cmp.Compare(s.seen[y], s.seen[x]), cmp.Compare(x, y))
	})
	for _, name := range names[:min(len(names), sampleTop)] {
		fmt.Fprintf(b, "stack-sampling: %s in %d of %d looks\n", name, s.seen[name], s.looks)
	}
	clear(s.seen)
	s.looks = 0
}
