// Package bounded holds the two data structures under every table of the
// packet engine: Index finds a slot by its key, Queues keeps slots in the order of
// their last use. The slots themselves are the elements of a slice of the
// caller's; all memory is allocated at creation, nothing grows.
//
// Values are for one goroutine.
package bounded

// None is the slot number that means no slot.
const None int32 = -1
