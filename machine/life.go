package machine

import (
	"fmt"
	"sync"
)

// Life is where a guest stands between its making and Close. The zero value
// is a guest that is ready to run. Its methods may be called concurrently.
type Life struct {
	mu    sync.Mutex
	state state
}

type state int

const (
	ready state = iota
	running
	ended
	closed
)

// Begin starts the one run there is.
func (l *Life) Begin() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state != ready {
		return fmt.Errorf("Run called twice or after Close; a guest runs once, make another")
	}
	l.state = running
	return nil
}

// End ends the run.
func (l *Life) End() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = ended
}

// Running says whether the run has begun and not ended.
func (l *Life) Running() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state == running
}

// Close ends it all; no Begin succeeds after it.
func (l *Life) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch l.state {
	case running:
		return fmt.Errorf("closed while it runs; cancel the context of Run and wait for it")
	case closed:
		return fmt.Errorf("closed twice")
	}
	l.state = closed
	return nil
}
