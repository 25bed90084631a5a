package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// soak loads both kinds of guest at the same time, with requests small and
// large, over kept and over new connections. None may fail.
func soak(b *bench) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, err := b.newWebPrograms()
	if err != nil {
		return err
	}
	var peers []*webPeer
	defer func() {
		for _, p := range peers {
			err = errors.Join(err, p.Close())
		}
	}()
	for _, kind := range webKinds {
		if kind.tender == nil {
			continue
		}
		p, err := w.start(ctx, kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		peers = append(peers, p)
	}
	progress("  %v of requests", b.soak)
	figures, errs := make([]wrkFigures, len(peers)), make([]error, len(peers))
	var wg sync.WaitGroup
	for i, p := range peers {
		wg.Go(func() { figures[i], errs[i] = p.wrk(ctx, w, "mixed", webConnections/2, b.soak) })
	}
	wg.Wait()
	for i, p := range peers {
		if errs[i] != nil {
			return fmt.Errorf("%s: %w", p.name, errs[i])
		}
		f := figures[i]
		b.add(result{Group: fmt.Sprintf("requests that failed in %v of load, both at the same time", b.soak), Name: p.name,
			Value: float64(f.failed), Unit: "requests", Note: fmt.Sprintf("of %d; p99 %.1f ms", f.requests, f.p99Millis)})
		if f.failed > 0 {
			err = errors.Join(err, fmt.Errorf("%s: %d of %d requests failed; the console's last lines:\n%s", p.name, f.failed, f.requests, p.console.Tail()))
		}
	}
	return err
}
