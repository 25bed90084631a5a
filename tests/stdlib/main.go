// Stdlib runs the tests of Go's standard library as unikernels, and compares
// what happens with exceptions.txt: a test that fails and is not in it is an
// error, and so is one that passes and is.
//
//	go run ./tests/stdlib [flags] bin/tender [PACKAGE...]
//
// With -o it writes a table of all packages, docs/stdlib.md.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

func main() {
	s := suite{}
	targets := flag.String("target", "hvt", "run the tests under these `TENDERS`: hvt, spt or hvt,spt")
	flag.IntVar(&s.atOnce, "p", runtime.NumCPU(), "test `N` packages at a time")
	flag.DurationVar(&s.limit, "timeout", 5*time.Minute, "end the tests of a package after this time")
	flag.StringVar(&s.keep, "keep", "", "keep the output of each package in the `FOLDER`")
	flag.BoolVar(&s.again, "again", false, "run nothing: report what an earlier run with -keep has left")
	output := flag.String("o", "", "write the table to `FILE`")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: stdlib [flags] TENDER [PACKAGE...]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 {
		flag.Usage()
		os.Exit(1)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.tender, s.targets = flag.Arg(0), strings.Split(*targets, ",")
	if err := s.all(ctx, flag.Args()[1:], *output); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "stdlib:", err)
		os.Exit(1)
	}
}

// all tests the packages, by default all of the standard library.
func (s *suite) all(ctx context.Context, packages []string, output string) (err error) {
	if len(packages) == 0 {
		packages = []string{"std"}
	}
	if packages, err = list(ctx, packages); err != nil {
		return err
	}
	root, err := goroot(ctx)
	if err != nil {
		return err
	}
	if s.exceptions, err = readExceptions(root); err != nil {
		return err
	}
	wrong := 0
	results := s.run(ctx, packages, func(r *result) {
		fmt.Println(r)
		for _, problem := range r.problems {
			wrong++
			fmt.Println("    " + problem)
		}
	})
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if output != "" {
		if err := os.WriteFile(output, table(results), 0o644); err != nil {
			return err
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d differences from exceptions.txt", wrong)
	}
	return nil
}

// goroot is where the Go in PATH is.
func goroot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// list is go list, without what the standard library vendors.
func list(ctx context.Context, patterns []string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"list"}, patterns...)...)
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var packages []string
	for p := range strings.Lines(string(out)) {
		if p = strings.TrimSpace(p); !strings.HasPrefix(p, "vendor/") {
			packages = append(packages, p)
		}
	}
	return packages, nil
}

// suite is how packages are tested.
type suite struct {
	tender     string
	targets    []string
	atOnce     int
	limit      time.Duration // of one package
	keep       string        // folder for outputs, "" for none
	again      bool          // what is in keep is all there is
	exceptions exceptions
}

// run tests each package under each target and tells report of each, in
// order.
func (s *suite) run(ctx context.Context, packages []string, report func(*result)) []*result {
	type job struct {
		target, pkg string
		done        chan *result
	}
	var jobs []job
	for _, pkg := range packages {
		for _, target := range s.targets {
			jobs = append(jobs, job{target, pkg, make(chan *result, 1)})
		}
	}
	next := make(chan job)
	var workers sync.WaitGroup
	for range s.atOnce {
		workers.Go(func() {
			for j := range next {
				j.done <- s.one(ctx, j.target, j.pkg)
			}
		})
	}
	go func() {
		defer close(next)
		for _, j := range jobs {
			next <- j
		}
	}()
	var results []*result
	for _, j := range jobs {
		r := <-j.done
		report(r)
		results = append(results, r)
	}
	workers.Wait()
	return results
}

// memoryMB is what each guest gets.
const memoryMB = "1024"

// one tests a package under a target.
func (s *suite) one(ctx context.Context, target, pkg string) *result {
	r := &result{target: target, pkg: pkg, tests: map[string]test{}}
	expected := s.exceptions.of(target, pkg)
	if e, ok := expected[whole]; ok {
		r.omitted = e.reason
		return r
	}
	if ctx.Err() != nil {
		return r
	}
	args := []string{"test", "--target=" + target, "--mem=" + memoryMB, "-v=test2json", "-short", "-timeout=" + s.limit.String()}
	for _, f := range s.exceptions.files[pkg] {
		args = append(args, "--file="+f)
	}
	if skip := expected.skipPattern(); skip != "" {
		args = append(args, "-skip="+skip)
	}
	out, ok := s.output(ctx, r, append(args, pkg))
	r.parse(out, ok)
	r.compare(expected)
	return r
}

// output is what tender says with the arguments, and whether its exit status is
// 0.
func (s *suite) output(ctx context.Context, r *result, args []string) (string, bool) {
	if s.again {
		out, err := os.ReadFile(s.kept(r))
		if err != nil {
			r.problems = append(r.problems, err.Error())
		}
		return string(out), !bytes.Contains(out, []byte("\nFAIL\t"))
	}
	cmd := exec.CommandContext(ctx, s.tender, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	begun := time.Now()
	out, err := cmd.CombinedOutput()
	r.took = time.Since(begun)
	if s.keep != "" {
		if err := os.WriteFile(s.kept(r), out, 0o644); err != nil {
			r.problems = append(r.problems, err.Error())
		}
	}
	return string(out), err == nil
}

// kept is the file with the output about a package.
func (s *suite) kept(r *result) string {
	return filepath.Join(s.keep, strings.ReplaceAll(r.pkg, "/", "_")+"."+r.target)
}
