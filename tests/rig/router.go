package rig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Router is two hosts with Linux as the router between them, on pairs of
// veth: the peer that a Network with a firewall is measured against.
type Router struct {
	Outside, Router, Inside *Namespace
}

// NewRouter makes the namespaces, with the addresses of a Network. The caller
// calls Close.
func NewRouter() (r *Router, err error) {
	r = &Router{}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	for _, n := range []struct {
		ns   **Namespace
		role string
	}{{&r.Outside, "out"}, {&r.Router, "rt"}, {&r.Inside, "in"}} {
		if *n.ns, err = NewNamespace(n.role); err != nil {
			return r, err
		}
	}
	for _, side := range []struct {
		host                       *Namespace
		port, address, hostAddress string
	}{
		{r.Outside, "outside", OutsideRouter, OutsideHost},
		{r.Inside, "inside", InsideRouter, InsideHost},
	} {
		err := errors.Join(
			r.Router.IP("link", "add", side.port, "type", "veth", "peer", "name", "eth0", "netns", side.host.Name),
			r.Router.IP("link", "set", side.port, "up"),
			r.Router.IP("addr", "add", side.address+"/24", "dev", side.port),
			side.host.IP("link", "set", "eth0", "up"),
			side.host.IP("addr", "add", side.hostAddress+"/24", "dev", "eth0"),
			side.host.IP("route", "add", "default", "via", side.address),
		)
		if err != nil {
			return r, err
		}
	}
	return r, r.Router.Set("net/ipv4/ip_forward", "1")
}

// Filter gives the router a set of nftables rules.
func (r *Router) Filter(rules string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c := r.Router.Command(ctx, "nft", "-f", "-")
	c.Stdin = strings.NewReader(rules)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// Close removes everything.
func (r *Router) Close() error {
	var errs []error
	for _, ns := range []*Namespace{r.Outside, r.Router, r.Inside} {
		if ns != nil {
			errs = append(errs, ns.Close())
		}
	}
	return errors.Join(errs...)
}
