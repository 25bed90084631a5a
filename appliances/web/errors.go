package main

import (
	"fmt"
	"io"
	"log"
	"sync"
	"time"
)

// linesPerSecond is how much is printed about connections that go wrong. Who
// makes many of them shall not fill the console.
const linesPerSecond = 10

// errorLog prints so many lines in a second, and how many it left out.
type errorLog struct {
	mu     sync.Mutex
	to     io.Writer
	now    func() time.Time
	second time.Time // when the count began
	lines  int
}

func newErrorLog(to io.Writer) *log.Logger {
	return log.New(&errorLog{to: to, now: time.Now}, "web: ", log.LstdFlags|log.LUTC|log.Lmsgprefix)
}

// Write implements io.Writer for the logger, which calls it once per line. It
// never fails.
func (l *errorLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := l.now(); now.Sub(l.second) >= time.Second {
		if left := l.lines - linesPerSecond; left > 0 {
			fmt.Fprintf(l.to, "web: %d more errors were not printed\n", left)
		}
		l.second, l.lines = now, 0
	}
	if l.lines++; l.lines <= linesPerSecond {
		l.to.Write(line)
	}
	return len(line), nil
}
