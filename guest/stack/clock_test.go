package stack

import (
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
)

// The clock tells what gVisor's own does.
func TestClock(t *testing.T) {
	c, own := newClock(), tcpip.NewStdClock()
	var zero, last tcpip.MonotonicTime
	for range 10 {
		before := own.NowMonotonic().Sub(zero)
		now := c.NowMonotonic()
		after := own.NowMonotonic().Sub(zero)
		const apart = time.Second // between the clocks' starts
		if d := now.Sub(zero); d < before-apart || d > after+apart || zero.Add(d) != now {
			t.Fatalf("%v, %v and %v", before, now, after)
		}
		const pause = 10 * time.Millisecond
		if last != zero && now.Sub(last) < pause {
			t.Fatalf("%v after a pause of %v", now.Sub(last), pause)
		}
		last = now
		time.Sleep(pause)
	}
	fired := make(chan struct{})
	c.AfterFunc(time.Millisecond, func() { close(fired) })
	<-fired
}
