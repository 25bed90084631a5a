// Package block has what a program needs on a block device beyond whole
// blocks: a View, which takes any offset and length, and a Store, which keeps
// records that outlive crashes.
//
// # What outlives what
//
// A write that has returned without error is in the cache of the host's
// kernel, and with --block-sync:NAME=on on stable storage as well. The tender
// puts all writes on stable storage when it ends in any way but a kill,
// and reports, with exit status 1, when that fails.
//
// When the tender is killed or crashes (kill -9, out of memory), all completed
// writes survive, whatever the option. Of the block being written, a part may
// be new and the rest old where a block is larger than the host's page.
//
// When the host crashes or loses power:
//   - with --block-sync:NAME=on, all completed writes survive, as far as the
//     disk keeps its word about flushes. The block being written may be torn.
//   - with off, which is the default, writes since the guest started may be
//     lost, each by itself and in any order; the host's kernel writes most of
//     them back within half a minute.
package block
