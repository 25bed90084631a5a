package machine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"tender/abi"
)

// fake is a machine whose guest ends with a status when it is asked to stop.
type fake struct {
	deaf    bool // cannot be asked
	status  int  // after it was asked; -1: it goes on
	stuck   bool // does not even end with its context
	atOnce  bool // ends by itself
	stopped chan struct{}
}

func (f *fake) Run(ctx context.Context) (Exit, error) {
	ended := ctx.Done()
	if f.stuck {
		ended = nil
	}
	if f.atOnce {
		return Exit{Status: 3}, nil
	}
	select {
	case <-f.stopped:
		return Exit{Status: f.status}, nil
	case <-ended:
		return Exit{}, context.Cause(ctx)
	}
}

func (f *fake) Stop() bool {
	if !f.deaf && f.status >= 0 {
		close(f.stopped)
	}
	return !f.deaf
}

func (f *fake) Close() error { return nil }

var (
	errAsked = errors.New("asked")
	errEnded = errors.New("ended")
)

func TestRunUntil(t *testing.T) {
	const long = time.Hour
	for _, c := range []struct {
		what     string
		f        fake
		ask, end bool
		grace    time.Duration
		status   int
		err      error
		says     string
		stuck    bool
	}{
		{what: "by itself", f: fake{atOnce: true}, grace: long, status: 3},
		{what: "orderly", f: fake{status: 5}, ask: true, grace: long, status: 5},
		{what: "orderly with 0", ask: true, grace: long},
		{what: "does not handle it", f: fake{status: abi.ExitStopped}, ask: true, grace: long, err: errAsked},
		{what: "no grace", f: fake{status: 5}, ask: true, err: errAsked},
		{what: "cannot be asked", f: fake{deaf: true}, ask: true, grace: long, err: errAsked},
		{what: "goes on", f: fake{status: -1}, ask: true, grace: time.Millisecond, err: errAsked, says: "asked: the guest has not stopped within 1ms"},
		{what: "ended meanwhile", f: fake{status: -1}, ask: true, end: true, grace: long, err: errEnded},
		{what: "ended", f: fake{status: 5}, end: true, grace: long, err: errEnded},
		{what: "stuck", f: fake{status: -1, stuck: true}, ask: true, err: errAsked, stuck: true},
		{what: "stuck when ended", f: fake{status: -1, stuck: true}, end: true, err: errEnded, stuck: true},
	} {
		c.f.stopped = make(chan struct{})
		ask, cancelAsk := context.WithCancelCause(t.Context())
		end, cancelEnd := context.WithCancelCause(t.Context())
		if c.ask {
			time.AfterFunc(time.Millisecond, func() { cancelAsk(errAsked) })
		}
		if c.end {
			time.AfterFunc(20*time.Millisecond, func() { cancelEnd(errEnded) })
		}
		exit, err := RunUntil(ask, end, &c.f, c.grace)
		var stuck *StuckError
		if exit.Status != c.status || !errors.Is(err, c.err) || c.err == nil && err != nil || errors.As(err, &stuck) != c.stuck || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %+v, %v", c.what, exit, err)
		}
		cancelAsk(nil)
		cancelEnd(nil)
	}
}
