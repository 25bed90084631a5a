package main

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
)

// log keeps what the firewall prints.
type log struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// tail is the end of it.
func (l *log) tail() string {
	lines := strings.SplitAfter(l.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "")
}

// counters are the numbers of the last complete counter line of an interface,
// and how many such lines there were.
func (l *log) counters(iface string) (values map[string]int, lines int) {
	values = map[string]int{}
	for line := range strings.Lines(l.String()) {
		if !strings.HasPrefix(line, "firewall: counters ") || !strings.Contains(line, " if="+iface+" ") || !strings.HasSuffix(line, "\n") {
			continue
		}
		lines++
		for _, field := range strings.Fields(line) {
			if key, value, ok := strings.Cut(field, "="); ok {
				if n, err := strconv.Atoi(value); err == nil {
					values[key] = n
				}
			}
		}
	}
	return values, lines
}
