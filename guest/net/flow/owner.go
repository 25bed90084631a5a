package flow

import "tender/guest/net/bounded"

// Owned is the number of flows of an owner that are not closed.
func (t *Table) Owned(owner uint8) int { return t.owned[owner] }

// Owner is the owner of the flow that m has found, and 0 if it found none.
func (t *Table) Owner(m Match) uint8 {
	if m.slot == bounded.None || m.reuse {
		return 0
	}
	return t.flows[m.slot].owner
}

// Answered reports whether the flow that m has found was answered.
func (t *Table) Answered(m Match) bool {
	return m.slot != bounded.None && !m.reuse && t.flows[m.slot].answered
}

// Forget removes the flow that m has found. The datagram is to be classified
// anew.
func (t *Table) Forget(m Match) {
	if m.slot != bounded.None {
		t.remove(m.slot)
		t.counters.Forgotten++
	}
}
