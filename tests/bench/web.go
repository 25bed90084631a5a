package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// webRounds is how often each peer is measured, in turn.
const webRounds = 3

// web measures one server as a unikernel and as a Linux process.
func web(b *bench) (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, err := b.newWebPrograms()
	if err != nil {
		return err
	}
	b.add(result{Group: "image of the web server", Name: "Linux program, stripped", Value: fileMB(w.process), Unit: "MB"})
	b.add(result{Group: "image of the web server", Name: "image, TCP/IP included", Value: fileMB(w.image), Unit: "MB", Ratio: fileMB(w.image) / fileMB(w.process)})
	if err := w.memory(ctx); err != nil {
		return err
	}
	var peers []*webPeer
	defer func() {
		for _, p := range peers {
			err = errors.Join(err, p.Close())
		}
	}()
	for _, kind := range webKinds {
		p, err := w.start(ctx, kind)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		peers = append(peers, p)
	}
	for round := range webRounds {
		for _, p := range peers {
			progress("  round %d of %d: %s", round+1, webRounds, p.name)
			if err := p.measure(ctx, w); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	for _, f := range webFigures {
		base := median(peers[0].figures[f.name])
		for i, p := range peers {
			r := result{Group: f.group, Name: p.name, Value: median(p.figures[f.name]), Unit: f.unit}
			if i > 0 {
				r.Ratio = r.Value / base
			}
			b.add(r)
		}
	}
	return nil
}

// webFigures are what measure fills in.
var webFigures = []struct{ name, group, unit string }{
	{"requests", "HTTP hello requests per second, 32 connections kept alive (wrk)", "/s"},
	{"p50", "the same, time to the answer, p50", "ms"},
	{"p99", "the same, time to the answer, p99", "ms"},
	{"connections", "HTTP hello requests per second, a connection for each, 32 at a time (wrk)", "/s"},
	{"receive", "TCP bulk from the server, one connection", "Mbit/s"},
	{"send", "TCP bulk to the server, one connection", "Mbit/s"},
	{"handshakes", "TLS 1.3 handshakes per second, none resumed, 8 at a time", "/s"},
}

// webPrograms are the server in both forms, the client, and wrk's script.
type webPrograms struct {
	*bench
	image, process, client string
	script                 string
}

func (b *bench) newWebPrograms() (*webPrograms, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("network namespaces and TAPs need root: run it with sudo, or leave this part out with -only startup,cpu")
	}
	in := func(name string) string { return filepath.Join(b.dir, name) }
	w := &webPrograms{b, in("webserver.hvt"), in("webserver"), in("webclient"), in("wrk.lua")}
	if err := b.build("./tests/bench/webserver", w.image, w.process); err != nil {
		return nil, err
	}
	if err := buildProcess("./tests/bench/webclient", w.client); err != nil {
		return nil, err
	}
	return w, os.WriteFile(w.script, []byte(wrkScript), 0o600)
}

func fileMB(path string) float64 {
	st, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return float64(st.Size()) / 1e6
}
