package machine

import (
	"context"
	"fmt"
	"time"

	"tender/abi"
)

// StuckError says that a guest has not ended although it was made to: a write
// to its console or a device blocks. The machine is still in use and must not
// be closed; ending the process is what is left.
type StuckError struct{ Cause error }

func (e *StuckError) Error() string { return e.Cause.Error() }
func (e *StuckError) Unwrap() error { return e.Cause }

// endTime is how long a guest may take to end that is made to.
const endTime = 200 * time.Millisecond

// RunUntil runs the guest to its own end or, once ask has ended, to a stop:
// the guest is asked (Machine.Stop) and ended when it still runs after the
// grace. A guest that cannot be asked, or with no grace, is ended at once, as
// is any guest when end ends.
//
// A guest that was asked and ends by itself gives its exit. One that does not
// handle the signal, or is ended, fails with the cause of the context, and one
// that does not even end then with a *StuckError.
func RunUntil(ask, end context.Context, m Machine, grace time.Duration) (Exit, error) {
	run, kill := context.WithCancelCause(end)
	defer kill(nil)
	type result struct {
		Exit
		error
	}
	done := make(chan result, 1)
	go func() {
		exit, err := m.Run(run)
		done <- result{exit, err}
	}()
	select {
	case r := <-done:
		return r.Exit, r.error
	case <-ask.Done():
	case <-end.Done():
	}
	cause := context.Cause(ask)
	if end.Err() == nil && grace > 0 && m.Stop() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case r := <-done:
			if r.error == nil && r.Status == abi.ExitStopped {
				return Exit{}, cause
			}
			return r.Exit, r.error
		case <-timer.C:
			cause = fmt.Errorf("%w: the guest has not stopped within %v", cause, grace)
		case <-end.Done():
		}
	}
	if end.Err() != nil {
		cause = context.Cause(end)
	}
	kill(cause)
	select {
	case r := <-done:
		return r.Exit, r.error
	case <-time.After(endTime):
		return Exit{}, &StuckError{context.Cause(run)}
	}
}
