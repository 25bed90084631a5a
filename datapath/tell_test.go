package datapath

import (
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"tender/abi"
)

// A guest that sleeps while frames keep coming is woken once for several rounds;
// one for which no more come, at once.
func TestTell(t *testing.T) {
	b, d, guest := newBatchBench(t)
	sleeps := &at[abi.UMEMHeader](b.memory, 0).GuestSleeps
	woken := func() bool {
		var p [8]byte
		_, err := unix.Read(b.wake, p[:])
		return err == nil
	}
	round := func(frames int) {
		t.Helper()
		d.waiting += frames
		moved, news, err := b.round()
		check(t, err)
		if moved != (frames > 0) || news != moved {
			t.Fatalf("moved %v, news %v", moved, news)
		}
		check(t, b.tell(news, !moved))
		b.echo(guest)
	}
	for _, rounds := range []int{1, untoldRounds - 1, untoldRounds, 3 * untoldRounds} {
		atomic.StoreUint32(sleeps, 1)
		for i := range rounds {
			round(1)
			if got, want := woken(), i == untoldRounds-1; got != want {
				t.Fatalf("round %d of %d: woken %v", i+1, rounds, got)
			}
		}
		d.waiting = 0
		b.rounds(t) // what was sent leaves
		check(t, b.tell(false, true))
		if got, want := woken(), rounds < untoldRounds; got != want {
			t.Errorf("%d rounds, then none: woken %v", rounds, got)
		}
		check(t, b.tell(false, true))
		if woken() {
			t.Errorf("%d rounds: woken twice", rounds)
		}
	}
}
