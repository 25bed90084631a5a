// Timers shows that nothing fires early: Sleep, After, AfterFunc, Ticker,
// Reset, Stop and contexts. It prints the worst lateness, for information.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"
)

var worst time.Duration

// since checks that a wait of d that began at start is not over too early.
func since(what string, start time.Time, d time.Duration) {
	took := time.Since(start)
	if took < d {
		log.Fatalf("%s: %v early", what, d-took)
	}
	worst = max(worst, took-d)
}

func main() {
	for _, d := range []time.Duration{1, time.Microsecond, 100 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 20 * time.Millisecond} {
		start := time.Now()
		time.Sleep(d)
		since("Sleep", start, d)

		start = time.Now()
		<-time.After(d)
		since("After", start, d)

		start = time.Now()
		done := make(chan bool)
		time.AfterFunc(d, func() { close(done) })
		<-done
		since("AfterFunc", start, d)
	}
	ticker()
	reset()
	stop()
	contexts()
	fmt.Println("ok")
	fmt.Println("worst lateness", worst)
}

func ticker() {
	const period, ticks = 5 * time.Millisecond, 20
	start := time.Now()
	t := time.NewTicker(period)
	for i := range ticks {
		<-t.C
		since("Ticker", start, time.Duration(i+1)*period)
	}
	t.Stop()
	select {
	case <-t.C:
		log.Fatal("a stopped ticker ticks")
	case <-time.After(3 * period):
	}
}

func reset() {
	start := time.Now()
	t := time.NewTimer(time.Hour)
	if !t.Reset(10 * time.Millisecond) {
		log.Fatal("Reset: the timer was not active")
	}
	<-t.C
	since("Reset to earlier", start, 10*time.Millisecond)

	start = time.Now()
	t.Reset(time.Millisecond)
	t.Reset(10 * time.Millisecond)
	<-t.C
	since("Reset to later", start, 10*time.Millisecond)
}

func stop() {
	t := time.AfterFunc(2*time.Millisecond, func() { log.Fatal("a stopped timer fires") })
	if !t.Stop() {
		log.Fatal("Stop: the timer was not active")
	}
	time.Sleep(5 * time.Millisecond)
}

func contexts() {
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	child, cancelChild := context.WithTimeout(ctx, time.Hour)
	defer cancelChild()
	<-child.Done()
	since("context", start, 5*time.Millisecond)
	if !errors.Is(child.Err(), context.DeadlineExceeded) {
		log.Fatal("context: ", child.Err())
	}
}
