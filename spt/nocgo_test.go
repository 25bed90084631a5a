//go:build !cgo

package spt

import (
	"errors"
	"testing"

	"tender/machine"
	"tender/seccomp"
)

// Without filters there is no guest.
func TestNoFilters(t *testing.T) {
	p, err := New(args(machine.Config{Image: (&testGuest{}).image(t)}))
	if p != nil || !errors.Is(err, seccomp.ErrUnavailable) {
		t.Error(err)
	}
}
