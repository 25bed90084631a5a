package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/netip"
	"strings"
)

const help = `dns: an authoritative name server

It answers for the zones in a folder, over UDP and TCP, with EDNS0: names,
aliases, wildcards, delegations. It is no resolver: what it is not the
authority for, it refuses. ANY gets the short answer of RFC 8482.

Zones
  --zones=DIR            read the files DIR/*.zone (needed). They are of the
                         form of RFC 1035. Names in NAME.zone are relative to
                         NAME unless $ORIGIN says otherwise

Addresses
  --listen=ADDRESS       serve on HOST:PORT, UDP and TCP (:53)
  --transfer=NET[,NET..] let these addresses or networks copy whole zones
                         (AXFR, over TCP); nobody else may

Running
  --help                 this text

Exit status: 0 after SIGTERM or SIGINT, 1 if a zone is wrong or it cannot
serve, 64 for a wrong argument.

Examples
  dns --zones=zones --listen=127.0.0.1:5353 --transfer=127.0.0.1
  dig @127.0.0.1 -p 5353 www.example.org
As a unikernel, with the zones in the folder root/zones
  tender build --root root ./appliances/dns
  tender --net=tap0 dns.hvt --ipv4=10.0.0.2/24 -- --zones=/zones
`

// options are what the arguments say.
type options struct {
	zones    string
	listen   string
	transfer []netip.Prefix // who may copy zones
}

// parse reads the arguments. It prints the help, if asked for, to stdout.
func parse(args []string, stdout io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("dns", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.zones, "zones", "", "")
	flags.StringVar(&o.listen, "listen", ":53", "")
	flags.Func("transfer", "", func(list string) error {
		for text := range strings.SplitSeq(list, ",") {
			p, err := parseNetwork(strings.TrimSpace(text))
			if err != nil {
				return err
			}
			o.transfer = append(o.transfer, p)
		}
		return nil
	})
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
		}
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.zones == "":
		return o, errors.New("--zones=DIR is needed")
	}
	return o, nil
}

// parseNetwork takes an address as the network of itself.
func parseNetwork(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return p, fmt.Errorf("%q is neither an address nor a network such as 10.0.0.0/24", text)
	}
	if p != p.Masked() {
		return p, fmt.Errorf("%s has bits behind the prefix: write %s", text, p.Masked())
	}
	return p, nil
}
