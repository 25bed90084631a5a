package main

import (
	"strings"
	"testing"
	"time"
)

// TestErrorLog makes 25 errors in a second, and one later.
func TestErrorLog(t *testing.T) {
	t.Parallel()
	var printed strings.Builder
	now := time.Unix(1e9, 0)
	l := &errorLog{to: &printed, now: func() time.Time { return now }}
	for range 25 {
		l.Write([]byte("an error\n"))
		now = now.Add(time.Millisecond)
	}
	now = now.Add(time.Second)
	l.Write([]byte("the last one\n"))
	if want := strings.Repeat("an error\n", 10) + "web: 15 more errors were not printed\nthe last one\n"; printed.String() != want {
		t.Errorf("printed:\n%s\nwant:\n%s", &printed, want)
	}
}
