// Package machine is what the tenders have in common: how a guest is
// described to them, how it ends, and the rules of the Solo5 contract that do
// not depend on how the guest is confined. The tenders are package hvt and
// package spt.
package machine

import (
	"context"
	"fmt"
	"io"
	"strings"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/netback"
)

// Machine is one guest, from its making to Close. Methods may be called by
// different goroutines; Run once.
type Machine interface {
	// Run executes the guest until it ends. It fails when the guest breaks
	// the contract or crashes, and with the cause of ctx soon after that
	// ends.
	Run(ctx context.Context) (Exit, error)
	// Stop asks the guest to stop, which then gets SIGTERM: it may end in an
	// orderly way, at its own time. A guest that does not handle the signal
	// ends at once, with abi.ExitStopped. Stop reports whether the guest could
	// be asked; RunUntil is Run and Stop together.
	Stop() bool
	// Close releases all that the guest has but its devices. A running guest
	// must be stopped first, by the context of Run. A second Close is an error.
	Close() error
}

// Exit is how a guest ended by its own will.
type Exit struct {
	// Status is 0..255.
	Status int
	// Cookie is nil or the abi.HaltCookieSize bytes an hvt guest left about
	// its end.
	Cookie []byte
}

// Config describes a guest. The machine reads from Image while it is made
// only; it uses the devices and the console until Run returns, and closes none
// of them.
type Config struct {
	// Image is what runs; it must be for the tender's target.
	Image *image.Image
	// Args are the guest's arguments. They reach it joined by single spaces,
	// at most 8191 bytes.
	Args []string
	// MemBytes is the guest's memory, 0 for 512 MiB. The tender rounds it
	// down to its granularity, but not to 0, and has an upper limit.
	MemBytes uint64
	// Net and Block are the devices by their names in the manifest.
	Net   map[string]netback.Device
	Block map[string]blockback.Device
	// Console gets the guest's output. A Write must not keep its argument,
	// which may be guest memory. Output is discarded if nil.
	Console io.Writer
	// Log gets notices for the operator, without newline. May be nil.
	Log func(format string, args ...any)
}

// Logf gives a notice to Log.
func (c *Config) Logf(format string, args ...any) {
	if c.Log != nil {
		c.Log(format, args...)
	}
}

// Cmdline joins the arguments.
func (c *Config) Cmdline() (string, error) {
	s := strings.Join(c.Args, " ")
	if len(s) >= abi.CmdlineSize {
		return "", fmt.Errorf("Guest command line too long: %d characters, at most %d", len(s), abi.CmdlineSize-1)
	}
	if strings.IndexByte(s, 0) >= 0 {
		return "", fmt.Errorf("guest arguments contain a NUL character: remove it")
	}
	return s, nil
}
