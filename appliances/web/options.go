package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"
)

const help = `web: a web server

It serves the files of a folder, or a page of its own, over HTTP and over HTTPS
with HTTP/2, and besides
  /hello       a line that names the protocol
  /bytes/N     N bytes, the same ones each time, whole or by ranges
  /sum         the length and SHA-256 of the body that it is sent
  /metrics     metrics for Prometheus

Addresses
  --listen=ADDRESS       plain HTTP on HOST:PORT, "" for none (:80)
  --listen-tls=ADDRESS   HTTPS on HOST:PORT, "" for none (:443)

Files
  --root=DIR             serve the files of this folder

Certificate (without files, one is made and signed by itself at the start)
  --cert=FILE --key=FILE a chain and its private key, in PEM
  --host=NAME[,NAME...]  names and addresses for the certificate that is made;
                         it has localhost and the addresses of all interfaces

Running
  --pprof                serve profiles under /debug/pprof/
  --grace=DURATION       when asked to stop, let requests end for so long (10s)
  --help                 this text

Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot serve, or if requests
had to be cut off at the end, 64 for a wrong argument.

Examples
  web --listen=:8080 --listen-tls=:8443 --root=public
  curl --insecure https://localhost:8443/hello
As a unikernel
  tender build ./appliances/web
  tender --net=tap0 web.hvt --ipv4=10.0.0.2/24 -- --listen=:8080
`

// options are what the arguments say.
type options struct {
	listen, listenTLS string // "" for none
	root              string // "" for the page of our own
	cert, key         string // both or neither
	hosts             []string
	pprof             bool
	grace             time.Duration
}

// parse reads the arguments. It prints the help, if asked for, to stdout.
func parse(args []string, stdout io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("web", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.listen, "listen", ":80", "")
	flags.StringVar(&o.listenTLS, "listen-tls", ":443", "")
	flags.StringVar(&o.root, "root", "", "")
	flags.StringVar(&o.cert, "cert", "", "")
	flags.StringVar(&o.key, "key", "", "")
	hosts := flags.String("host", "", "")
	flags.BoolVar(&o.pprof, "pprof", false, "")
	flags.DurationVar(&o.grace, "grace", 10*time.Second, "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
		}
		return o, err
	}
	for name := range strings.SplitSeq(*hosts, ",") {
		if name = strings.TrimSpace(name); name != "" {
			o.hosts = append(o.hosts, name)
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.listen == "" && o.listenTLS == "":
		return o, errors.New("--listen and --listen-tls are both empty: there is nothing to serve on")
	case (o.cert == "") != (o.key == ""):
		return o, errors.New("--cert and --key go together: give both or neither")
	case o.cert != "" && len(o.hosts) > 0:
		return o, errors.New("--host is for a certificate that is made: drop it, or --cert and --key")
	case o.grace < 0:
		return o, fmt.Errorf("--grace=%v: it cannot be negative", o.grace)
	}
	return o, nil
}
