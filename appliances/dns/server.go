package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
)

// Limits of TCP, whose clients cost memory.
const (
	maxConnections = 1000
	ioTimeout      = 5 * time.Second
	idleTimeout    = 10 * time.Second
	stopTimeout    = 5 * time.Second
)

// server answers requests.
type server struct {
	zones    zones
	transfer []netip.Prefix
}

var _ dns.Handler = (*server)(nil)

// ServeDNS implements dns.Handler. It may be called concurrently.
func (s *server) ServeDNS(w dns.ResponseWriter, request *dns.Msg) {
	switch from := w.RemoteAddr().(type) {
	case *net.UDPAddr:
		w.WriteMsg(s.zones.answer(request, true))
	case *net.TCPAddr:
		if z := s.copied(request, from.AddrPort().Addr().Unmap()); z != nil {
			z.send(w, request)
			return
		}
		w.WriteMsg(s.zones.answer(request, false))
	}
}

// serve reads the zones, listens, says where, and serves until ctx ends.
func serve(ctx context.Context, o options, stdout io.Writer) error {
	all, err := readZones(o.zones)
	if err != nil {
		return err
	}
	for _, origin := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(stdout, "dns: %s, serial %d, %d records\n", origin, all[origin].soa.Serial, len(all[origin].records))
	}
	listener, packets, err := listen(o.listen)
	if err != nil {
		return fmt.Errorf("--listen=%s: %w", o.listen, err)
	}
	fmt.Fprintf(stdout, "dns: udp and tcp %s\n", listener.Addr())
	handler := &server{zones: all, transfer: o.transfer}
	started := make(chan struct{}, 2)
	servers := []*dns.Server{
		{Listener: netutil.LimitListener(listener, maxConnections)},
		{PacketConn: packets, UDPSize: udpBytes},
	}
	failed := make(chan error, len(servers))
	for _, s := range servers {
		s.Handler = handler
		s.MaxTCPQueries = -1 // a client may keep its connection
		s.ReadTimeout, s.WriteTimeout = ioTimeout, ioTimeout
		s.IdleTimeout = func() time.Duration { return idleTimeout }
		s.NotifyStartedFunc = func() { started <- struct{}{} }
		go func() { failed <- s.ActivateAndServe() }()
	}
	for range servers { // one that has not started cannot be stopped
		select {
		case <-started:
		case err := <-failed:
			return err
		}
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	fmt.Fprintln(stdout, "dns: stopping")
	return stop(servers)
}

// listen takes the same port of TCP and UDP.
func listen(address string) (net.Listener, net.PacketConn, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	p, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		l.Close()
		return nil, nil, err
	}
	return l, p, nil
}

// stop lets requests under way end.
func stop(servers []*dns.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var failures []error
	for _, s := range servers {
		failures = append(failures, s.ShutdownContext(ctx))
	}
	return errors.Join(failures...)
}
