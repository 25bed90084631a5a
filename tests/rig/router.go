package rig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Router is two hosts with the place of a router between them, on pairs of veth:
// Linux, the peer that a Network with a firewall is measured against, or a tender
// that takes the ports over.
type Router struct {
	Outside, Router, Inside *Namespace
}

// sides are the hosts of a Router and its ports to them.
func (r *Router) sides() []side {
	return []side{
		{r.Outside, OutsidePort, OutsideRouter, OutsideHost},
		{r.Inside, InsidePort, InsideRouter, InsideHost},
	}
}

type side struct {
	host                       *Namespace
	port, address, hostAddress string
}

// Names of the ports in the router's namespace.
const (
	OutsidePort = "outside"
	InsidePort  = "inside"
)

// NewRouter makes the namespaces, with the addresses of a Network, and has Linux
// route. The caller calls Close.
func NewRouter() (r *Router, err error) {
	if r, err = NewCables(); err != nil {
		return r, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.Close())
		}
	}()
	for _, s := range r.sides() {
		if err := r.Router.IP("addr", "add", s.address+"/24", "dev", s.port); err != nil {
			return r, err
		}
	}
	return r, r.Router.Set("net/ipv4/ip_forward", "1")
}

// NewCables is NewRouter without a router: its ports are up, and have no addresses.
func NewCables() (r *Router, err error) {
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
	for _, s := range r.sides() {
		err := errors.Join(
			r.Router.IP("link", "add", s.port, "type", "veth", "peer", "name", "eth0", "netns", s.host.Name),
			r.Router.IP("link", "set", s.port, "up"),
			s.host.IP("link", "set", "eth0", "up"),
			s.host.IP("addr", "add", s.hostAddress+"/24", "dev", "eth0"),
			s.host.IP("route", "add", "default", "via", s.address),
		)
		if err != nil {
			return r, err
		}
	}
	return r, nil
}

// CompleteChecksums has the hosts compute checksums, which they leave to the other
// end of a veth otherwise: an AF_XDP socket there gets frames as they are.
func (r *Router) CompleteChecksums() error {
	for _, host := range []*Namespace{r.Outside, r.Inside} {
		if out, err := host.Run(context.Background(), 5*time.Second, "ethtool", "-K", "eth0", "tx", "off"); err != nil {
			return fmt.Errorf("ethtool: %w: %s", err, out)
		}
	}
	return nil
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
