//go:build !cgo

package seccomp

// Compile fails with ErrUnavailable.
func (p Policy) Compile() (Program, error) { return nil, ErrUnavailable }

// Number fails with ErrUnavailable.
func Number(string) (uintptr, error) { return 0, ErrUnavailable }
