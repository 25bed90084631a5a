package ruleset

import "tender/guest/net/packet"

// Outcome is what a function of compiled rules came to.
type Outcome uint8

// Outcomes.
const (
	// Open is no verdict yet: the caller goes on.
	Open Outcome = iota
	Accept
	Drop
)

// Of is a verdict as an outcome.
func Of(v packet.Verdict) Outcome {
	if v == packet.Accept {
		return Accept
	}
	return Drop
}
