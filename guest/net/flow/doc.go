// Package flow is connection tracking: it knows which datagrams belong to a
// conversation that a filter has let begin.
//
// The work on a datagram has two halves. Classify looks and changes nothing;
// Commit records the datagram after all has agreed to send it. So what a filter
// drops leaves no trace, and a flood of forbidden datagrams costs no memory.
//
// The table is bounded. When it is full, a new flow takes the place of the
// flow longest idle among those that are not assured, and is refused if
// there is none. A flow is assured once its beginner has shown that it hears
// the answers: TCP by completing the handshake, other protocols by sending
// again after an answer; ICMP never is. So a flood of beginnings, even of
// answered ones, displaces only other beginnings.
package flow
