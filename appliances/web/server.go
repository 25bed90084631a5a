package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Time limits. A body may take long over a slow line; a header may not.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = 10 * time.Minute
	idleTimeout   = 2 * time.Minute
	headerBytes   = 64 << 10
)

// serve listens, says where, and serves until ctx ends. Then it takes no more
// requests and waits for those under way.
func serve(ctx context.Context, o options, stdout, stderr io.Writer) error {
	handler, err := newHandler(o)
	if err != nil {
		return err
	}
	server := newServer(handler, newErrorLog(stderr))
	var listening []func() error
	if o.listen != "" {
		l, err := net.Listen("tcp", o.listen)
		if err != nil {
			return fmt.Errorf("--listen=%s: %w", o.listen, err)
		}
		defer l.Close()
		fmt.Fprintf(stdout, "web: http://%s\n", l.Addr())
		listening = append(listening, func() error { return server.Serve(l) })
	}
	if o.listenTLS != "" {
		c, err := certificate(o)
		if err != nil {
			return err
		}
		server.TLSConfig.Certificates = []tls.Certificate{c}
		l, err := net.Listen("tcp", o.listenTLS)
		if err != nil {
			return fmt.Errorf("--listen-tls=%s: %w", o.listenTLS, err)
		}
		defer l.Close()
		fmt.Fprintf(stdout, "web: https://%s, public key %s\n", l.Addr(), pin(c.Leaf))
		listening = append(listening, func() error { return server.ServeTLS(l, "", "") })
	}
	failed := make(chan error, len(listening))
	for _, serve := range listening {
		go func() { failed <- serve() }()
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintln(stdout, "web: stopping")
	return stop(server, o.grace)
}

// newServer speaks HTTP/1.1 and 2, with and without TLS.
func newServer(handler http.Handler, errors *log.Logger) *http.Server {
	s := &http.Server{
		Handler:           handler,
		ErrorLog:          errors,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       bodyTimeout,
		WriteTimeout:      bodyTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		Protocols:         new(http.Protocols),
	}
	s.Protocols.SetHTTP1(true)
	s.Protocols.SetHTTP2(true)
	s.Protocols.SetUnencryptedHTTP2(true)
	return s
}

// stop ends the server within the time given.
func stop(server *http.Server, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		server.Close()
		return fmt.Errorf("requests were cut off after %v", grace)
	}
	return err
}
