package seccomp

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrUnavailable is what Compile fails with in a program built without cgo,
// which libseccomp needs.
var ErrUnavailable = errors.New("built without cgo and libseccomp, and so without system-call filters: build with CGO_ENABLED=1 and libseccomp-dev installed")

// Program is a filter as the kernel takes it.
type Program []unix.SockFilter

// maxProgram is the kernel's limit, BPF_MAXINSNS.
const maxProgram = 4096

func (p Program) check() error {
	if len(p) == 0 || len(p) > maxProgram {
		return fmt.Errorf("the filter has %d instructions, not 1 to %d: attach fewer devices", len(p), maxProgram)
	}
	return nil
}
