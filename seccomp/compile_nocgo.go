//go:build !cgo

package seccomp

// Compile fails with ErrUnavailable.
func (p Policy) Compile() (Program, error) { return nil, ErrUnavailable }
