package datapath

import (
	"sync"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// together runs functions at the same time.
func together(all ...func()) {
	var running sync.WaitGroup
	for _, f := range all {
		running.Go(f)
	}
	running.Wait()
}

// forSome is a condition that holds for some time.
func forSome(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().Before(end) }
}

// both are streams between two devices, one each way, of the same flows. These
// have begun, and the guest knows where both stations are.
func both(l *lab, a, b string) (there, back *stream) {
	there, back = newStream(l, a, b, asking), newStream(l, b, a, answering)
	there.passes(20 * time.Second)
	for _, s := range []*stream{there, back} {
		s.passes(5 * time.Second)
		came := int64(0)
		for came != s.came.Load() {
			came = s.came.Load()
			time.Sleep(50 * time.Millisecond) // for those that had to wait
		}
		s.burst(flows)
		eventually(l.t, 10*time.Second, "all flows have begun", func() bool { return s.came.Load() >= came+flows })
	}
	return there, back
}

// TestTraffic sends both ways at once, first not faster than it arrives, then in
// bursts for which no queue has room.
func TestTraffic(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		l.start()
		there, back := both(l, "a", "b")
		paced := forSome(2 * time.Second)
		together(func() { there.pace(paced) }, func() { back.pace(paced) })
		calm := l.audit()
		for range 5 {
			together(func() { there.burst(2000) }, func() { back.burst(2000) })
			time.Sleep(100 * time.Millisecond)
		}
		all := l.audit()
		t.Logf("%d frames one way, %d the other; the queues dropped %d and %d, before the bursts %d and %d", there.came.Load(), back.came.Load(),
			all["a"]["queue full"], all["b"]["queue full"], calm["a"]["queue full"], calm["b"]["queue full"])
	})
}

// TestSoak is for as long as -soak says: streams of all sizes both ways, with a
// burst now and then, under the eyes of who reads the counters.
func TestSoak(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		l := newLab(t, options, between2, "a", "b")
		l.start()
		there, back := both(l, "a", "b")
		for all := forSome(*soak); all() && !t.Failed(); {
			soakFor(l, there, back, min(*soak, 10*time.Second))
		}
		t.Logf("%d frames one way, %d the other", there.came.Load(), back.came.Load())
	})
}

func soakFor(l *lab, there, back *stream, d time.Duration) {
	turn := forSome(d)
	going := func() bool { return turn() && !l.t.Failed() }
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		together(
			func() { there.burst(300); there.pace(going) },
			func() { back.burst(300); back.pace(going) },
		)
	}()
	defer func() { <-sent }()
	l.watch(going)
	<-sent
	l.audit()
}
