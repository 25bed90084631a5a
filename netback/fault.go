package netback

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// operatorError tells an operator what is wrong and how to mend it, in place
// of the host's own words; callers that branch use errors.Is with the errno.
type operatorError struct {
	errno unix.Errno
	text  string
}

func fault(errno unix.Errno, format string, args ...any) error {
	return &operatorError{errno, fmt.Sprintf(format, args...)}
}

// Error implements error.
func (e *operatorError) Error() string { return e.text }

// Unwrap gives the errno to errors.Is.
func (e *operatorError) Unwrap() error { return e.errno }
