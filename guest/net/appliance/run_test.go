package appliance

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tender/guest"
	"tender/guest/net/link"
)

// sleeper is a poller that waits for its deadline, or for ever.
type sleeper struct {
	turns  int
	cancel func()
}

func (s *sleeper) Wait(deadline time.Time) (uint64, error) {
	if s.turns--; s.turns == 0 {
		s.cancel()
	}
	time.Sleep(min(time.Until(deadline), 20*time.Millisecond))
	return 1, nil
}

// TestRun lets the loop run with a real clock, until it is cancelled and until
// a device fails.
func TestRun(t *testing.T) {
	p := proxy()
	p.Timers = []Timer{{Interval: 10 * time.Millisecond, Data: []Data{Timestamp, StackSampling}}}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s := &sleeper{turns: 60, cancel: cancel}
	var out strings.Builder
	devices := []link.Device{&nic{t: t, mac: router.mac, mtu: 1500}, &broken{nic: nic{t: t, mac: web.mac, mtu: 1500}}}
	a, err := New(p, devices, s, &out)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "timestamp: ") || !strings.Contains(text, "stack-sampling: ") {
		t.Errorf("said %q", text)
	}
	if want := "outside: mac 02:00:00:00:00:01 mtu 1500 10.0.0.2/24\n"; !strings.HasPrefix(a.String(), want) {
		t.Errorf("%q does not begin with %q", a.String(), want)
	}
	devices[1].(*broken).err = errors.New("unplugged")
	if err := a.Run(context.Background()); err == nil || err.Error() != "unplugged" {
		t.Errorf("a broken device: %v", err)
	}
}

// broken is a device that fails.
type broken struct {
	nic
	err error
}

func (b *broken) Receive(guest.Handler) (int, error) { return 0, b.err }

// TestRunDoesNotAllocate counts allocations per turn of the loop, with rules
// that log.
func TestRunDoesNotAllocate(t *testing.T) {
	log := discarding()
	r := newRig(t, firewall(log), router, web, logger)
	frame := r.syn(router, "10.0.0.1", "192.168.0.20", 4000, 80)
	r.send(router, append([]byte(nil), frame...))
	for _, n := range r.nics {
		n.quiet = true
	}
	again := make([]byte, len(frame))
	queue := make([][]byte, 1)
	if n := testing.AllocsPerRun(500, func() {
		copy(again, frame)
		queue[0] = again
		r.nics[0].in = queue
		r.now = r.now.Add(time.Millisecond)
		r.step()
	}); n != 0 {
		t.Errorf("%v allocations per turn, want 0", n)
	}
	if c := log.Counters(); c.Sent < 500 {
		t.Errorf("%+v", c)
	}
}
