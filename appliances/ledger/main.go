// Ledger is a unikernel that keeps numbered records on its block device. It
// says what it has found there, appends, and verifies all there is. A line for
// each record tells that it has been stored: from then on it outlives the end
// of the tender, kill -9 included.
//
//	tender --block:disk=ledger.img ledger.hvt --append=10
//
// The exit status is 1 when a record is missing or wrong, 64 when the
// arguments are.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"tender/guest"
	"tender/guest/block"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 64
)

// options are what the arguments say.
type options struct {
	records            int // to append; negative for no end
	recordBytes, slots int // of a new ledger
}

func main() {
	open := func() (block.Device, error) { return guest.OpenBlock("disk") }
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr, open))
}

// parse reads the arguments, and tells on stderr what is wrong with them.
func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("ledger", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.records, "append", 1, "append `N` records, -1 for no end")
	flags.IntVar(&o.recordBytes, "record-bytes", 1000, "make a new ledger with records of `N` bytes")
	flags.IntVar(&o.slots, "slots", 64, "make a new ledger that keeps the last `N` records")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.recordBytes < entryBytes:
		err = fmt.Errorf("--record-bytes=%d: an entry takes at least %d", o.recordBytes, entryBytes)
	default:
		return o, nil
	}
	fmt.Fprintf(stderr, "ledger: %v\n", err)
	return o, err
}

// run is the program; it returns the exit status.
func run(args []string, stdout, stderr io.Writer, open func() (block.Device, error)) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	}
	if err := keep(o, stdout, open); err != nil {
		fmt.Fprintf(stderr, "ledger: %v\n", err)
		return exitFailure
	}
	return exitOK
}

// keep opens the ledger, appends to it, and verifies it before and after.
func keep(o options, stdout io.Writer, open func() (block.Device, error)) error {
	disk, err := open()
	if err != nil {
		return err
	}
	l, err := openLedger(disk, o)
	if err != nil {
		return err
	}
	found, err := l.verify()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ledger: boot %d, found %v, %d cut short\n", l.boot, found, l.store.Damaged())
	for i := 0; i != o.records; i++ {
		n, err := l.append()
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "stored %d\n", n)
	}
	held, err := l.verify()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "ledger: verified %v\n", held)
	return nil
}
