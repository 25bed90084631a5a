// Package journal is what the rules of an appliance say: text on the console,
// and messages for a syslog server (RFC 5424 over UDP, RFC 5426).
//
// A line is made of pieces while a datagram is being judged, without
// allocation and without a system call; Flush, between batches of datagrams,
// writes the console's text with one call and hands the messages on. What
// does not fit, and messages beyond the rate, are counted and not sent. So a
// flood of datagrams that are logged costs no more than the bounds say.
package journal
