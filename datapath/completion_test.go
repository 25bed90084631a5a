package datapath

import "testing"

// The rule of abi/umem.go that a guest keeps no more chunks in transmit and
// completion together than a ring has slots, as a model, explored whole: a guest
// that sends some bursts and then has nothing more to do, and a tender that sends
// one frame after the other. The tender must be able to send them all, in every
// interleaving.

const modelSlots = 2

// sending is a state of the model.
type sending struct {
	transmit, completion int
	bursts, burst        int // to come, and what is left of the one under way
	outstanding          int // chunks that the guest has not back
}

// next lists the states that can follow. rule is false for a guest that only looks
// whether transmit has room.
func (s sending) next(rule bool) (all []sending) {
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
		n.burst--
		if s.transmit < modelSlots && (!rule || s.outstanding < modelSlots) {
			n.transmit++
			n.outstanding++
		} // else the frame is dropped
		all = append(all, n)
	}
	return all
}

// sendAll is explore for the model: a state in which frames wait is no end.
func sendAll(rule bool) (stuck *sending, visited int) {
	return explore(sending{bursts: 4}, func(s sending) []sending { return s.next(rule) }, func(s sending) bool { return s.transmit == 0 })
}

func TestCompletionModel(t *testing.T) {
	if stuck, visited := sendAll(true); stuck != nil || visited < 40 {
		t.Errorf("of %d states, frames wait for ever in %+v", visited, stuck)
	}
	if stuck, _ := sendAll(false); stuck == nil {
		t.Error("without the rule no frame waits for ever: the model cannot see it")
	}
}
