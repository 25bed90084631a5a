// Package confine takes from the hvt tender's process all that it does not
// need to run a guest: users and groups, capabilities, being traced, and all
// system calls but those of filters.go. A guest that takes over the tender
// then has what it had before, its own memory and devices.
//
// It is for the command, which owns its process. Embedders of package hvt
// decide for themselves.
package confine

import (
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"tender/confine/threads"
	"tender/seccomp"
)

// Config says what the process goes on to use. Descriptors are open.
type Config struct {
	// Output are written to: console and messages.
	Output []int
	// Frames are the network devices'.
	Frames []int
	// Sockets are those of Frames that have rings of their own (AF_XDP).
	Sockets []int
	// Offloads says that some of Frames are TAPs whose offloads the guest may
	// switch.
	Offloads bool
	// Disks are the block devices'; those open for reading only are only
	// read.
	Disks []int
	// Stats is for --stats; nil is without.
	Stats *Stats
	// User is who the process becomes; nil is who it is.
	User *User
}

// Stats are the descriptors of who tells others about the guest; -1 is none.
type Stats struct {
	// File is written from its start on.
	File int
	// Listener accepts connections, which are then served as Conn, a number that
	// is taken already.
	Listener, Conn int
}

// Apply confines the process, all threads of it and for good. Before it, all
// has to be opened and made: the guest's machine above all. After an error
// the process may be confined in part, and should end. It fails with
// seccomp.ErrUnavailable, at once, in a program built without cgo.
func Apply(c Config) error {
	policy, err := c.Policy()
	if err != nil {
		return fmt.Errorf("cannot confine the tender: %w", err)
	}
	program, err := policy.Compile()
	if err != nil {
		return fmt.Errorf("cannot confine the tender: %w", err)
	}
	if err := threads.OneArena(); err != nil {
		return fmt.Errorf("cannot confine the tender: %w", err)
	}
	if err := dropPrivileges(c.User); err != nil {
		return fmt.Errorf("cannot confine the tender: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("cannot confine the tender: making it untraceable: %w", err)
	}
	if err := program.Load(); err != nil {
		return fmt.Errorf("cannot confine the tender: %w", err)
	}
	return nil
}

// Policy is the filter that Apply would load now.
func (c Config) Policy() (seccomp.Policy, error) {
	prepareRuntime()
	self, err := c.examine()
	if err != nil {
		return nil, err
	}
	return c.policy(self), nil
}

// prepareRuntime has the Go runtime do what it does once and at some time
// now: open the descriptors of its poller, and stop to look every second how
// many CPUs there are.
func prepareRuntime() {
	time.AfterFunc(time.Hour, func() {}).Stop()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
}
