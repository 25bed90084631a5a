package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Time limits. A file may take long over a slow line; a header may not.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 30 * time.Minute
	idleTimeout   = 2 * time.Minute
	grace         = 10 * time.Second
	headerBytes   = 64 << 10
)

// serve listens, says where, and serves until ctx ends. Then it takes no more
// requests and waits for those under way.
func serve(ctx context.Context, o options, stdout io.Writer) error {
	handler, err := newHandler(o)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return fmt.Errorf("--listen=%s: %w", o.listen, err)
	}
	defer listener.Close()
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
	}
	scheme, listening := "http", func() error { return server.Serve(listener) }
	if o.cert != "" {
		scheme, listening = "https", func() error { return server.ServeTLS(listener, o.cert, o.key) }
	}
	fmt.Fprintf(stdout, "dav: %s://%s/files/\n", scheme, listener.Addr())
	if o.calendars != "" {
		fmt.Fprintf(stdout, "dav: %s://%s%s\n", scheme, listener.Addr(), homePath)
	}
	failed := make(chan error, 1)
	go func() { failed <- listening() }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintln(stdout, "dav: stopping")
	return stop(server)
}

// stop ends the server in bounded time.
func stop(server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		server.Close()
		return fmt.Errorf("requests were cut off after %v", grace)
	}
	return err
}
