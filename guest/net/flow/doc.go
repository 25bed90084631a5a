// Package flow is connection tracking and the translation that rests on it:
// it knows which datagrams belong to a conversation that a filter has let
// begin, and where each goes.
//
// The work on a datagram has two halves. Classify looks and changes nothing;
// Commit records the datagram after all has agreed to send it. So what a filter
// drops leaves no trace, and a flood of forbidden datagrams costs no memory.
//
// A flow is one entry for both directions. It remembers the tuple that its
// beginner's datagrams come in with, and that of the answers. A flow is
// translated if its first datagram left with another tuple than it came with;
// from then on each direction leaves as the inverse of what the other comes in
// with. Distinguish sees to it that no two flows expect the same answers.
//
// The table is bounded. When it is full, a new flow takes the place of the
// flow longest idle among those that are not assured, and is refused if
// there is none. A flow is assured once its beginner has shown that it hears
// the answers: TCP by completing the handshake, other protocols by sending
// again after an answer; ICMP never is. So a flood of beginnings, even of
// answered ones, displaces only other beginnings.
package flow
