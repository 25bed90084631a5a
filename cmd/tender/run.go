package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"tender/image"
)

// run is `tender run`: it returns the guest's exit status, or that of a
// tender that failed.
func run(words []string, std stdio) int {
	opts, optsErr := parseRun(words)
	switch {
	case opts.help:
		return std.print(runHelp())
	case opts.version:
		return std.print(versionText(""))
	case opts.image == "":
		return std.fail(optsErr)
	}
	// A reader of stdout or stderr that goes away is an error of ours to
	// report, not a signal to die of.
	signal.Ignore(syscall.SIGPIPE)
	s, stop := withStops()
	defer stop()
	status, err := runImage(s, opts, optsErr, std)
	if err != nil {
		return std.end(err)
	}
	return status
}

func runImage(s stops, opts runOptions, optsErr error, std stdio) (status int, err error) {
	im, err := openImage(opts.image)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, im.Close()) }()
	if opts.strict {
		im.Tender = nil // what it says beyond the contract
	}
	if err := opts.checkTarget(im); err != nil {
		return 0, err
	}
	if optsErr != nil {
		return 0, optsErr
	}
	all, err := opts.assign(im.Manifest)
	if err != nil {
		return 0, err
	}
	devs, err := openDevices(all, tapOptions(im))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, devs.Close()) }()
	return launch(s, im, &opts, devs, std)
}

// openImage opens the image and, if there is none, considers that its name
// may have been meant as a command.
func openImage(path string) (*image.Image, error) {
	im, err := image.Open(path)
	if !errors.Is(err, fs.ErrNotExist) || strings.ContainsAny(path, "/.") {
		return im, err
	}
	if like := nearest(path, commandNames()); like != "" {
		return nil, fmt.Errorf("%s is neither an image nor a command: did you mean tender %s?", path, like)
	}
	return nil, err
}

// exitSignal is the cause of the end of a guest.
type exitSignal struct{ syscall.Signal }

func (s exitSignal) Error() string { return fmt.Sprintf("Exiting on signal %d", int(s.Signal)) }

// stops are the two ways to end a guest: what asks it to stop, and what ends it.
type stops struct{ ask, end context.Context }

// withStops is stops by SIGINT and SIGTERM, until stop: the first one asks, the
// second one ends.
func withStops() (s stops, stop func()) {
	ask, cancelAsk := context.WithCancelCause(context.Background())
	end, cancelEnd := context.WithCancelCause(context.Background())
	arrived := make(chan os.Signal, 2)
	signal.Notify(arrived, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		for _, cancel := range []context.CancelCauseFunc{cancelAsk, cancelEnd} {
			select {
			case s := <-arrived:
				cancel(exitSignal{s.(syscall.Signal)})
			case <-end.Done():
				return
			}
		}
	}()
	return stops{ask, end}, func() {
		signal.Stop(arrived)
		cancelAsk(nil)
		cancelEnd(nil)
	}
}

// withSignals is a context that SIGINT and SIGTERM end, until stop.
func withSignals() (ctx context.Context, stop func()) {
	s, stop := withStops()
	return s.ask, stop
}
