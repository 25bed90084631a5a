// Hardware runs tests on hardware virtualisation, on a machine that need not
// have it: QEMU emulates an AMD CPU with SVM, Debian's cloud kernel makes a
// real /dev/kvm of that, and the project's own test binaries run there.
//
//	go run ./tests/hardware [-run REGEXP] [-timeout 10m] bin/tender [SUITE...]
//
// The tender must need no libraries. It needs no root and no KVM, but QEMU, a
// static busybox, GNU binutils, and apt to download the kernel; what is
// missing is said, and the status is 0.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	run := flag.String("run", "", "run only the tests that match `REGEXP`")
	limit := flag.Duration("timeout", 10*time.Minute, "end the machine after this time")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: hardware [-run REGEXP] [-timeout TIME] TENDER [SUITE...]")
		flag.PrintDefaults()
		for _, s := range suites {
			fmt.Fprintln(flag.CommandLine.Output(), "  suite", s.name)
		}
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := hardware(ctx, flag.Arg(0), flag.Args()[1:], *run, *limit)
	var missing *missingError
	switch {
	case errors.As(err, &missing):
		fmt.Println("SKIP hardware:", missing)
	case err != nil:
		stop()
		fmt.Fprintln(os.Stderr, "hardware:", err)
		os.Exit(1)
	}
}

// missingError says what this machine lacks.
type missingError struct{ error }

func missing(format string, args ...any) error {
	return &missingError{fmt.Errorf(format, args...)}
}

func hardware(ctx context.Context, tender string, names []string, run string, limit time.Duration) (err error) {
	chosen, err := choose(names)
	if err != nil {
		return err
	}
	qemu, err := findProgram("qemu-system-x86_64", "qemu-system-x86")
	if err != nil {
		return err
	}
	busybox, err := findStatic("busybox", "busybox-static")
	if err != nil {
		return err
	}
	kernel, err := findKernel(ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "tender-hardware-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	initrd, err := makeInitrd(ctx, dir, payload{busybox: busybox, tender: tender, kernel: kernel, suites: chosen, run: run})
	if err != nil {
		return err
	}
	fmt.Printf("booting %s in QEMU, which emulates AMD SVM\n", kernel.name)
	return boot(ctx, limit, machine{qemu: qemu, kernel: kernel.image, initrd: initrd}, chosen)
}

// choose finds suites by name; no name means all.
func choose(names []string) ([]suite, error) {
	if len(names) == 0 {
		return suites, nil
	}
	var chosen []suite
	for _, name := range names {
		i := slices.IndexFunc(suites, func(s suite) bool { return s.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%s is no suite: there are %s", name, suiteNames())
		}
		chosen = append(chosen, suites[i])
	}
	return chosen, nil
}

func suiteNames() string {
	var names []string
	for _, s := range suites {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}
