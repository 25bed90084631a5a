package rig

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Console keeps what a firewall prints, for programs and people.
type Console struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

// String is all of it.
func (c *Console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// Tail is its last dozen lines, and before them the first ones of a crash.
func (c *Console) Tail() string {
	const some = 12
	lines := strings.SplitAfter(c.String(), "\n")
	last := max(0, len(lines)-some)
	for i, line := range lines[:last] {
		if crash(line) {
			return strings.Join(lines[i:min(last, i+some)], "") + "…\n" + strings.Join(lines[last:], "")
		}
	}
	return strings.Join(lines[last:], "")
}

// crash says that a line is the first of what Go's runtime says about a crash.
func crash(line string) bool {
	for _, begin := range []string{"panic: ", "fatal error: ", "runtime: ", "SIG", "unexpected fault address "} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}

// Counters are the numbers that the firewall last printed about an interface,
// or about "flows", and how often it has printed them.
func (c *Console) Counters(iface string) (values map[string]int, reports int) {
	values = map[string]int{}
	for line := range strings.Lines(c.String()) {
		about := strings.HasPrefix(line, "firewall: counters ") && strings.Contains(line, " if="+iface+" ") ||
			iface == "flows" && strings.HasPrefix(line, "firewall: flows ")
		if !about || !strings.HasSuffix(line, "\n") {
			continue
		}
		reports++
		for _, field := range strings.Fields(line) {
			if key, value, ok := strings.Cut(field, "="); ok {
				if n, err := strconv.Atoi(value); err == nil {
					values[key] = n
				}
			}
		}
	}
	return values, reports
}

// Fresh waits for counters that are newer than the call. A report under way
// does not count, as it may be older.
func (c *Console) Fresh(ctx context.Context, iface string) (map[string]int, error) {
	_, have := c.Counters("flows") // the last line of a report for programs
	err := poll(ctx, 10*time.Second, func() bool {
		_, n := c.Counters("flows")
		return n >= have+2
	})
	if err != nil {
		return nil, fmt.Errorf("the firewall prints no counters: %w", err)
	}
	values, _ := c.Counters(iface)
	return values, nil
}

// Await waits until the text has been printed.
func (c *Console) Await(ctx context.Context, text string) error {
	if err := poll(ctx, 20*time.Second, func() bool { return strings.Contains(c.String(), text) }); err != nil {
		return fmt.Errorf("%q was not printed: %w; the last lines were:\n%s", text, err, c.Tail())
	}
	return nil
}

// poll waits until the condition holds.
func poll(ctx context.Context, limit time.Duration, condition func() bool) error {
	deadline := time.Now().Add(limit)
	for !condition() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("not within %v", limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}
