package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

const help = `dav: files over WebDAV, calendars over CalDAV

  /files/      a folder of files, for WebDAV clients
  /caldav/     calendars, for CalDAV clients (also found by /.well-known/caldav)

What is kept
  --files=DIR            the folder of /files/; without it files are kept in
                         memory, and are gone at the end
  --calendars=DIR        the folder of the calendars, one folder for each with a
                         file for each event; without it there are none. One
                         named "default" is made if the folder is empty

Who may use it
  --login=NAME:PASSWORD  ask for this name and password (HTTP Basic). Without
                         TLS they can be read on the way
  --login-file=FILE      the same, from the first line of a file

Address
  --listen=ADDRESS       serve on HOST:PORT (:80)
  --cert=FILE --key=FILE serve HTTPS, with a chain and its private key in PEM

Running
  --help                 this text

Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot serve, 64 for a wrong
argument.

Examples
  dav --files=shared --listen=127.0.0.1:8080 --login=me:secret
  curl --user me:secret -T notes.txt http://127.0.0.1:8080/files/
  cadaver http://127.0.0.1:8080/files/
As a unikernel
  tender build ./appliances/dav
  tender --net=tap0 dav.hvt --ipv4=10.0.0.2/24 -- --login=me:secret
`

// options are what the arguments say.
type options struct {
	files     string // "" for memory
	calendars string // "" for none
	login     string // NAME:PASSWORD, "" for everybody
	listen    string
	cert, key string // both or neither
}

// parse reads the arguments, and the file with the login if there is one. It
// prints the help, if asked for, to stdout.
func parse(args []string, stdout io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("dav", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.files, "files", "", "")
	flags.StringVar(&o.calendars, "calendars", "", "")
	flags.StringVar(&o.login, "login", "", "")
	loginFile := flags.String("login-file", "", "")
	flags.StringVar(&o.listen, "listen", ":80", "")
	flags.StringVar(&o.cert, "cert", "", "")
	flags.StringVar(&o.key, "key", "", "")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			fmt.Fprint(stdout, help)
		}
		return o, err
	}
	given := false
	flags.Visit(func(f *flag.Flag) { given = given || strings.HasPrefix(f.Name, "login") })
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case (o.cert == "") != (o.key == ""):
		return o, errors.New("--cert and --key go together: give both or neither")
	case o.login != "" && *loginFile != "":
		return o, errors.New("--login and --login-file say the same: give one of them")
	case *loginFile != "":
		text, err := os.ReadFile(*loginFile)
		if err != nil {
			return o, fmt.Errorf("--login-file: %w", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		o.login = strings.TrimSuffix(line, "\r")
	}
	if name, password, ok := strings.Cut(o.login, ":"); given && (!ok || name == "" || password == "") {
		return o, errors.New("the login is of the form NAME:PASSWORD, neither of them empty")
	}
	return o, nil
}
