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
	ctx, stop := withSignals()
	defer stop()
	status, err := runImage(ctx, opts, optsErr, std)
	if err != nil {
		return std.end(err)
	}
	return status
}

func runImage(ctx context.Context, opts runOptions, optsErr error, std stdio) (status int, err error) {
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
	devs, err := openDevices(all)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, devs.Close()) }()
	return launch(ctx, im, &opts, devs, std)
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

// withSignals is a context that SIGINT and SIGTERM end, until stop.
func withSignals() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		select {
		case s := <-arrived:
			cancel(exitSignal{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(arrived)
		cancel(nil)
	}
}
