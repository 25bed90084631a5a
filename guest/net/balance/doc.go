// Package balance decides which server gets a connection: servers take turns
// (round robin), those that do not answer health checks are left out, and
// connections beyond a limit wait for a place. It is the policy of a balancer
// without its packets: the engine translates and forwards, and tells what it
// sees.
//
// # Health
//
// A server is up once it has answered a check, which is a TCP handshake that
// is broken off, and down after some checks in a row without answer or with a
// refusal. What servers that are up have is left to them whatever happens to
// the others; connections of a server that goes down end as TCP ends them.
//
// # Waiting
//
// The first segment of a connection for which there is no place, or no server
// that is up, is kept and let go when there is. One that comes again while it
// waits is the client's retransmission and is dropped.
package balance
