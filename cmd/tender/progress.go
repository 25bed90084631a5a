package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// progressAfter is how long a command is silent about what it does.
const progressAfter = 2 * time.Second

// progress is a line on a terminal that tells how long something has taken.
type progress struct {
	quit, done chan struct{}
}

// startProgress begins to count; nothing is ever shown unless w is a terminal.
func startProgress(w io.Writer, what string) *progress {
	p := &progress{make(chan struct{}), make(chan struct{})}
	if !isTerminal(w) {
		close(p.done)
		return p
	}
	go p.show(w, what)
	return p
}

func (p *progress) show(w io.Writer, what string) {
	defer close(p.done)
	begun := time.Now()
	wait := time.NewTimer(progressAfter)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-p.quit:
		return
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		fmt.Fprintf(w, "\r\x1b[36m%c\x1b[0m %s … %.0f s\x1b[K", `|/-\`[i%4], what, time.Since(begun).Seconds())
		select {
		case <-tick.C:
		case <-p.quit:
			fmt.Fprint(w, "\r\x1b[K")
			return
		}
	}
}

// stop takes the line away again. It is called once.
func (p *progress) stop() {
	close(p.quit)
	<-p.done
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
