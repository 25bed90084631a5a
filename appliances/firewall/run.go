package main

import (
	"errors"
	"fmt"
	"io"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 64
)

// run is the program: it reads the arguments, opens the devices, forwards
// until it is over, and returns the exit status.
func run(args []string, stdout, stderr io.Writer, open func() (devices, error)) int {
	o, err := parse(args)
	switch {
	case errors.Is(err, errHelp):
		fmt.Fprint(stdout, help)
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "firewall: %v\n", err)
		return exitUsage
	}
	d, err := open()
	if err != nil {
		fmt.Fprintf(stderr, "firewall: %v\n", err)
		return exitFailure
	}
	f, err := newFirewall(o, d, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "firewall: %v\n", err)
		return exitFailure
	}
	fmt.Fprintf(stdout, "firewall: ready %v\n", f)
	if err := f.loop(); err != nil {
		fmt.Fprintf(stderr, "firewall: %v\n", err)
		return exitFailure
	}
	return exitOK
}
