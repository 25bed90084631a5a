package main

import (
	"errors"
	"fmt"
	"os/signal"
	"strings"
	"syscall"

	"tender/abi"
	"tender/image"
	"tender/spt"
)

// solo5Tender is a tender of Solo5's, which this command is under its name:
// what programs and people that call it expect, to the letter where that is
// read by programs, and its strict contract with the guest.
// Source: solo5-abi 5.
type solo5Tender struct {
	target  abi.Target
	version uint32
	modules string // those that the help names
}

var (
	hvtTender = solo5Tender{abi.TargetHVT, abi.VersionHVT, "core block net"}
	sptTender = solo5Tender{abi.TargetSPT, abi.VersionSPT, "core net block"}
)

// solo5 runs the tender; it returns the exit status.
func solo5(t solo5Tender, words []string, std stdio) int {
	options, kernel, args, found := splitWords(words)
	for _, word := range options {
		switch word {
		case "--help":
			return t.usage(std)
		case "--version":
			fmt.Fprint(std.err, versionText(std.name))
			return 0
		}
	}
	if !found {
		std.say("Missing KERNEL operand")
		return t.usage(std)
	}
	signal.Ignore(syscall.SIGPIPE)
	s, stop := withStops()
	defer stop()
	status, err := t.run(s, options, kernel, args, std)
	var wrong *optionError
	var death *spt.SignalError
	switch {
	case errors.As(err, &wrong):
		if wrong.why != nil {
			std.say("%v", wrong.why)
		}
		std.say("Invalid option: %s", wrong.word)
		return t.usage(std)
	case errors.Is(err, errNotAttached):
		return abi.ExitFailure
	case errors.As(err, &death) && std.own:
		return dieOf(death.Signal) // with the guest, which is the tender
	case err != nil:
		return std.end(err)
	}
	return status
}

// splitWords finds the kernel: the first word that does not begin with a
// dash, or the one after --. Behind it all is the guest's.
func splitWords(words []string) (options []string, kernel string, args []string, found bool) {
	for i, word := range words {
		if word == "--" {
			words = words[i+1:]
			if len(words) == 0 {
				return options, "", nil, false
			}
			return options, words[0], words[1:], true
		}
		if !strings.HasPrefix(word, "-") {
			return options, word, words[i+1:], true
		}
		options = append(options, word)
	}
	return options, "", nil, false
}

// run reports what is wrong with the image before what is wrong with options.
func (t solo5Tender) run(s stops, options []string, kernel string, args []string, std stdio) (status int, err error) {
	im, err := image.Open(kernel)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, im.Close()) }()
	im.Tender = nil // the contract, and nothing beyond it
	if err := im.CheckTarget(t.target, t.version); err != nil {
		return 0, err
	}
	o, err := t.parse(options, im.Manifest)
	if err != nil {
		return 0, err
	}
	o.args, o.process = args, t.target == abi.TargetSPT
	all, err := o.attachAll(im.Manifest, std)
	if err != nil {
		return 0, err
	}
	devs, err := o.open(all)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, devs.Close()) }()
	return launch(s, im, &o.runOptions, devs, std)
}

// usage writes the help to stderr, as the stock tenders do, with the status
// they do it with.
func (t solo5Tender) usage(std stdio) int {
	var b strings.Builder
	fmt.Fprintf(&b, "usage: %s [ CORE OPTIONS ] [ MODULE OPTIONS ] [ -- ] KERNEL [ ARGS ]\n", std.name)
	b.WriteString("KERNEL is the unikernel to run, ARGS are its arguments.\nCore options:\n")
	for _, o := range solo5Options {
		if o.only == 0 || o.only == t.target {
			fmt.Fprintf(&b, "  %s\n        %s\n", o.form, o.help)
		}
	}
	fmt.Fprintf(&b, "Compiled-in modules: %s\n", t.modules)
	fmt.Fprint(std.err, b.String())
	return abi.ExitFailure
}
