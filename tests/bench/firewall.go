package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"tender/tests/rig"
)

const (
	// firewallRounds is how often each peer is measured, in turn.
	firewallRounds = 3
	// leastRate is the first load that is offered, in packets per second.
	leastRate = 50000
)

// peer is a router between two hosts.
type peer struct {
	name            string
	outside, inside *rig.Namespace
	// figures of the rounds.
	kpps, megabits, p50, p99 []float64
}

// firewall measures the data path of the firewall, and of Linux as a router.
func firewall(b *bench) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces and TAPs need root: run it with sudo, or leave this part out with -only startup,cpu")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	image := filepath.Join(b.dir, "firewall.hvt")
	if err := b.build("./appliances/firewall", image, ""); err != nil {
		return err
	}
	var peers []*peer
	var closers []func() error
	defer func() {
		for _, c := range closers {
			err = errors.Join(err, c())
		}
	}()
	for _, make := range []func() (*peer, func() error, error){
		func() (*peer, func() error, error) { return linuxRouter(ctx, "Linux router, no netfilter", "") },
		func() (*peer, func() error, error) {
			return linuxRouter(ctx, "Linux router, nft set of 100 + conntrack", nftRules(100))
		},
		func() (*peer, func() error, error) {
			return b.unikernel(ctx, "firewall under hvt, 0 rules", image, nil, "--policy=accept")
		},
		func() (*peer, func() error, error) {
			return b.unikernel(ctx, "firewall under hvt, 100 rules", image, nil, unikernelRules(100)...)
		},
		func() (*peer, func() error, error) {
			return b.unikernel(ctx, "firewall under spt, 0 rules", image, []string{"--spt"}, "--policy=accept")
		},
		func() (*peer, func() error, error) {
			return b.unikernel(ctx, "firewall under spt, 100 rules", image, []string{"--spt"}, unikernelRules(100)...)
		},
	} {
		p, closer, err := make()
		if errors.Is(err, exec.ErrNotFound) {
			progress("left out: %v", err)
			continue
		}
		if closer != nil {
			closers = append(closers, closer)
		}
		if err != nil {
			return err
		}
		peers = append(peers, p)
	}
	for round := range firewallRounds {
		for _, p := range peers {
			progress("  round %d of %d: %s", round+1, firewallRounds, p.name)
			if err := p.measure(ctx); err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
		}
	}
	b.addFirewall(peers)
	return nil
}

// addFirewall adds the medians. All peers work on one flow that is known to
// them already: their rules are looked at once, for its first packet.
func (b *bench) addFirewall(peers []*peer) {
	for _, figure := range []struct {
		group, unit string
		of          func(*peer) []float64
		perPacket   bool
	}{
		{"router, UDP in frames of 60 bytes, one flow, most packets delivered (iperf3 on both CPUs, which may be the limit of Linux rows)", "kpps", func(p *peer) []float64 { return p.kpps }, true},
		{"router, TCP bulk, one flow (iperf3 on both CPUs); veth passes segments of up to 64 KB", "Mbit/s", func(p *peer) []float64 { return p.megabits }, false},
		{"router, round trip of a ping on an idle path, p50", "µs", func(p *peer) []float64 { return p.p50 }, false},
		{"router, round trip of a ping on an idle path, p99", "µs", func(p *peer) []float64 { return p.p99 }, false},
	} {
		base := median(figure.of(peers[0]))
		for i, p := range peers {
			r := result{Group: figure.group, Name: p.name, Value: median(figure.of(p)), Unit: figure.unit}
			if i > 0 {
				r.Ratio = r.Value / base
			}
			if figure.perPacket {
				r.Note = fmt.Sprintf("%.0f ns per packet", 1e6/r.Value)
			}
			b.add(r)
		}
	}
}

// linuxRouter is a peer with Linux between the hosts.
func linuxRouter(ctx context.Context, name, rules string) (*peer, func() error, error) {
	if rules != "" {
		if _, err := exec.LookPath("nft"); err != nil {
			return nil, nil, err
		}
	}
	r, err := rig.NewRouter()
	if err != nil {
		return nil, nil, err
	}
	if rules != "" {
		if err := r.Filter(rules); err != nil {
			return nil, r.Close, err
		}
	}
	p := &peer{name: name, outside: r.Outside, inside: r.Inside}
	return p, r.Close, p.serve(ctx)
}

// unikernel is a peer with the firewall between the hosts. flags are the
// tender's, args the firewall's.
func (b *bench) unikernel(ctx context.Context, name, image string, flags []string, args ...string) (*peer, func() error, error) {
	n, err := rig.NewNetwork()
	if err != nil {
		return nil, nil, err
	}
	console := &rig.Console{}
	words := append([]string{b.tender}, flags...)
	words = append(words, "--net="+n.OutsideTAP, "--net="+n.InsideTAP, image,
		"--outside="+rig.OutsideRouter+"/24", "--inside="+rig.InsideRouter+"/24")
	words = append(words, args...)
	cmd := n.Outside.Command(ctx, words...)
	cmd.Stdout, cmd.Stderr = console, console
	if err := n.StartTender(cmd); err != nil {
		return nil, n.Close, fmt.Errorf("%w\n%s", err, console.Tail())
	}
	p := &peer{name: name, outside: n.Outside, inside: n.Inside}
	return p, n.Close, p.serve(ctx)
}

// The client of a connection, and its server, each have a CPU.
const (
	clientCPU = "0"
	serverCPU = "1"
)

// iperfPort is where iperf3 listens, for TCP and UDP.
const iperfPort = 5201

// unikernelRules are rules of which the last allows what is measured.
func unikernelRules(n int) []string {
	rules := []string{"--allow=icmp,type=echo-request"}
	for i := range n - 3 {
		rules = append(rules, fmt.Sprintf("--allow=tcp,in=outside,dst=%s,dport=%d", rig.InsideHost, 10000+i))
	}
	for _, proto := range []string{"tcp", "udp"} {
		rules = append(rules, fmt.Sprintf("--allow=%s,in=outside,dst=%s,dport=%d", proto, rig.InsideHost, iperfPort))
	}
	return rules
}

// nftRules do the same, as an experienced administrator would write it.
func nftRules(n int) string {
	ports := []string{fmt.Sprint(iperfPort)}
	for i := range n - 1 {
		ports = append(ports, fmt.Sprint(10000+i))
	}
	return `table ip filter {
	set ports { type inet_service; elements = { ` + strings.Join(ports, ", ") + ` } }
	chain forward {
		type filter hook forward priority 0; policy drop
		ct state established,related accept
		icmp type echo-request accept
		iifname "outside" meta l4proto { tcp, udp } th dport @ports accept
	}
}
`
}
