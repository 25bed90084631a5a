package datapath

import "testing"

// The rule of abi/umem.go that a guest keeps no more chunks in transmit and
// completion together than a ring has slots, as a model, explored whole: a guest
// that sends some bursts and then has nothing more to do, and a tender that sends
// one frame after the other. The tender must be able to send them all, in every
// interleaving. A frame for which there is no room is dropped, or the guest waits
// and has chunks back meanwhile, as guest.Path does: then all of them must be sent.

const modelSlots = 2

// sending is a state of the model.
type sending struct {
	transmit, completion int
	bursts, burst        int // to come, and what is left of the one under way
	outstanding          int // chunks that the guest has not back
	sent                 int // all in all
}

const modelBursts = 4

// next lists the states that can follow. rule is false for a guest that only looks
// whether transmit has room, waits is true for one that drops nothing.
func (s sending) next(rule, waits bool) (all []sending) {
	if s.transmit > 0 && s.completion < modelSlots {
		n := s
		n.transmit--
		n.completion++
		all = append(all, n)
	}
	if s.burst == 0 && s.bursts > 0 { // has chunks back before each burst
		n := s
		n.bursts--
		n.burst = modelSlots
		n.outstanding -= n.completion
		n.completion = 0
		all = append(all, n)
	}
	if s.burst > 0 {
		n := s
		switch room := s.transmit < modelSlots && (!rule || s.outstanding < modelSlots); {
		case room:
			n.burst--
			n.transmit++
			n.outstanding++
			n.sent++
		case waits && s.completion == 0:
			return all
		case waits:
			n.outstanding -= n.completion
			n.completion = 0
		default:
			n.burst--
		}
		all = append(all, n)
	}
	return all
}

// sendAll is explore for the model: a state in which frames wait is no end, nor is one
// in which a guest that waits has dropped some.
func sendAll(rule, waits bool) (stuck *sending, visited int) {
	return explore(sending{bursts: modelBursts}, func(s sending) []sending { return s.next(rule, waits) }, func(s sending) bool {
		return s.transmit == 0 && (!waits || s.sent == modelBursts*modelSlots)
	})
}

func TestCompletionModel(t *testing.T) {
	for _, waits := range []bool{false, true} {
		if stuck, visited := sendAll(true, waits); stuck != nil || visited < 40 {
			t.Errorf("waits %v: of %d states, frames wait for ever in %+v", waits, visited, stuck)
		}
	}
	if stuck, _ := sendAll(false, true); stuck == nil {
		t.Error("without the rule no frame waits for ever: the model cannot see it")
	}
}
