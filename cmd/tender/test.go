package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"tender/abi"
	"tender/image"
	"tender/toolchain"
)

// testOptions are those of `tender test`.
type testOptions struct {
	target    abi.Target
	tags      []string
	memMB     int
	nets      []string // TAPs
	files     []string // paths that tests find, too
	guestArgs []string // arguments before those of the test binary
	parallel  int      // packages at a time
	output    string   // where to leave the image, with compileOnly
	timeout   time.Duration
	// compileOnly makes images and runs none.
	compileOnly bool
	// verbose says that the output of tests that pass is wanted.
	verbose bool
	// binary are the arguments of the test binary.
	binary []string
}

func newTest(std stdio) *cobra.Command {
	var o testOptions
	c := &cobra.Command{
		Use:   "test [flags] [PACKAGE...] [--args ARGUMENTS]",
		Short: "Run the tests of Go packages as unikernels",
		Long: `Run the tests of Go packages as unikernels, with the installed Go toolchain.

PACKAGE is what go test takes: a folder, an import path, a pattern such as
./... or std; it is the package in the current folder if it is left out. Each
test binary becomes an image and runs in a guest of its own, under hvt or spt.
Tests find a copy of the package's folder where it is on the host, and begin in
it; so they find the folders testdata above it, up to the module's. The report is that of go test, and flags may be written its way, with one dash.
The exit status is 1 if a test or a build fails.

Words after --args go to the test binary.`,
		Example: `  tender test ./...
  tender test -v -run TestSort --target spt sort
  tender test --net tap0 --guest --ipv4=10.0.0.2/24 ./client`,
		RunE: func(c *cobra.Command, args []string) error {
			patterns, extra := args, []string(nil)
			if n := c.ArgsLenAtDash(); n >= 0 {
				patterns, extra = args[:n], args[n:]
			}
			if err := o.complete(c.Flags(), extra); err != nil {
				return err
			}
			return status(test(&o, patterns, std))
		},
	}
	f := c.Flags()
	f.SortFlags = false
	f.Var(targetFlag{&o.target}, "target", "run the tests under the tender `hvt` (default) or spt")
	f.IntVar(&o.memMB, "mem", 512, "give each guest `N` MB of memory")
	f.StringArrayVar(&o.nets, "net", nil, "give the guest a network device on the interface `TAP`; may be repeated")
	f.StringArrayVar(&o.guestArgs, "guest", nil, "give the guest the `ARGUMENT` before those of the test binary; may be repeated")
	f.IntVarP(&o.parallel, "parallel-packages", "p", 0, "build and test `N` packages at a time (default: one per CPU, and 1 with --net)")
	f.StringArrayVar(&o.files, "file", nil, "let tests find the file or folder `PATH`, too; may be repeated")
	f.StringSliceVar(&o.tags, "tags", nil, "build with these Go build `TAGS`, separated by commas")
	f.BoolVarP(&o.compileOnly, "compile", "c", false, "make the image of one package, PACKAGE.test.hvt or .spt, and do not run it")
	f.StringVarP(&o.output, "output", "o", "", "with -c, write the image to `FILE`")
	f.StringP("v", "v", "", "show all tests and what they print; with the `MODE` test2json as that tool reads it")
	f.Lookup("v").NoOptDefVal = "true"
	for _, b := range binaryFlags {
		b.add(f)
	}
	return c
}

// binaryFlag is a flag of go test that is the test binary's.
type binaryFlag struct{ name, help string }

// binaryFlags go to the test binary as they are, with test. before their
// names. Those without a value in backquotes are switches.
var binaryFlags = []binaryFlag{
	{"run", "run only tests, examples and fuzz seeds that match `REGEXP`"},
	{"skip", "leave out those that match `REGEXP`"},
	{"count", "run each test `N` times"},
	{"short", "tell tests to be quick"},
	{"timeout", "end a test binary after this `TIME` (default 10m; 0 is never)"},
	{"failfast", "stop at the first test that fails"},
	{"parallel", "run `N` parallel tests of a package at a time"},
	{"cpu", "run with each value of GOMAXPROCS in the `LIST`"},
	{"shuffle", "run tests in another `ORDER`: on, off or a seed"},
	{"list", "list the tests that match `REGEXP`, and run none"},
	{"bench", "run the benchmarks that match `REGEXP`"},
	{"benchtime", "run each benchmark for this `TIME`, or Nx times"},
	{"benchmem", "show what benchmarks allocate"},
	{"fullpath", "show whole file names in messages"},
}

func (b binaryFlag) add(f *pflag.FlagSet) {
	if strings.Contains(b.help, "`") {
		f.String(b.name, "", b.help)
	} else {
		f.Bool(b.name, false, b.help)
	}
}

// defaultTestTime is what go test allows a test binary.
const defaultTestTime = 10 * time.Minute

// complete makes the test binary's arguments of the flags, and checks what
// flags mean together.
func (o *testOptions) complete(f *pflag.FlagSet, extra []string) error {
	o.timeout = defaultTestTime
	o.binary = []string{"-test.paniconexit0"}
	var err error
	f.Visit(func(given *pflag.Flag) {
		value := given.Value.String()
		switch given.Name {
		case "timeout":
			if o.timeout, err = time.ParseDuration(value); err != nil {
				err = fmt.Errorf("--timeout=%s is no time such as 90s or 10m", value)
			}
			return
		case "v", "bench", "list":
			o.verbose = o.verbose || value != "false"
		case "run", "skip":
			// The testing package takes a blank for an underscore, too, and the
			// words of a guest's command line have none.
			value = strings.ReplaceAll(value, " ", "_")
		}
		if slices.ContainsFunc(binaryFlags, func(b binaryFlag) bool { return b.name == given.Name }) || given.Name == "v" {
			o.binary = append(o.binary, "-test."+given.Name+"="+value)
		}
	})
	if err != nil {
		return err
	}
	o.binary = append(o.binary, "-test.timeout="+o.timeout.String())
	o.binary = append(o.binary, extra...)
	for _, word := range slices.Concat(o.guestArgs, o.binary) {
		if word == "" || strings.ContainsAny(word, " \x00") {
			return fmt.Errorf("%q cannot go to a guest: its words have no blanks and are not empty", word)
		}
	}
	if len(o.nets) > 0 && o.parallel > 1 {
		return errors.New("guests cannot share a TAP: drop -p, or --net")
	}
	if o.output != "" && !o.compileOnly {
		return errors.New("--output is for -c, which makes the image and runs nothing: add -c")
	}
	if o.parallel < 0 || o.memMB < 0 {
		return errors.New("-p and --mem are not negative")
	}
	o.parallel = cmp.Or(o.parallel, runtime.NumCPU())
	if len(o.nets) > 0 {
		o.parallel = 1
	}
	o.target = cmp.Or(o.target, abi.TargetHVT)
	return nil
}

// goTestFlags gives words that go test would take for flags their second
// dash, and makes of -args what ends flags here.
func goTestFlags(args []string, f *pflag.FlagSet) []string {
	args = slices.Clone(args)
	for i, word := range args {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "-"), "=")
		switch {
		case word == "--":
			return args
		case name == "args" || name == "-args":
			args[i] = "--"
			return args
		case len(name) > 1 && strings.HasPrefix(word, "-") && f.Lookup(name) != nil:
			args[i] = "-" + word
		}
	}
	return args
}

// test is `tender test`; it returns the exit status.
func test(o *testOptions, patterns []string, std stdio) int {
	ctx, stop := withSignals()
	defer stop()
	fail := func(err error) int {
		var signalled exitSignal
		if errors.As(context.Cause(ctx), &signalled) {
			return std.fail(signalled)
		}
		return std.failText("the tests cannot be run:", err)
	}
	if len(patterns) == 0 {
		patterns = []string{"."}
	}
	pkgs, err := toolchain.TestPackages(ctx, "", o.tags, patterns)
	if err != nil {
		return fail(err)
	}
	if len(pkgs) == 0 {
		return std.fail(fmt.Errorf("no package matches %s", strings.Join(patterns, " ")))
	}
	if o.compileOnly {
		if err := o.compile(ctx, pkgs, std); err != nil {
			return fail(err)
		}
		return 0
	}
	scratch, err := os.MkdirTemp("", "tender-test-*")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(scratch)
	tender, err := os.Executable()
	if err != nil {
		return fail(err)
	}
	r := testRun{testOptions: o, tender: tender, scratch: scratch, std: std}
	if failed := r.all(ctx, pkgs); ctx.Err() != nil {
		return fail(ctx.Err())
	} else if failed {
		return abi.ExitFailure
	}
	return 0
}

// compile makes the image of one package's tests.
func (o *testOptions) compile(ctx context.Context, pkgs []*toolchain.TestPackage, std stdio) error {
	if len(pkgs) > 1 {
		return fmt.Errorf("-c is for one package, and these are %d", len(pkgs))
	}
	pkg := pkgs[0]
	if problem := pkg.Problem(); problem != "" {
		return errors.New(problem)
	}
	if !pkg.HasTests() {
		return fmt.Errorf("%s has no test files", pkg.ImportPath)
	}
	output := cmp.Or(o.output, pkg.Name()+".test."+image.TargetName(o.target))
	result, err := toolchain.Build(ctx, o.build(pkg, output))
	if err != nil {
		return err
	}
	return status(std.print(fmt.Sprintf("%s  %s\n", result.Output, sizeText(result.SizeBytes))))
}

// build is how the image of a package's tests is built.
func (o *testOptions) build(pkg *toolchain.TestPackage, output string) toolchain.Options {
	options := toolchain.Options{Tests: pkg, Target: o.target, Tags: o.tags, Output: output, Files: o.files}
	for i := range o.nets {
		options.Devices = append(options.Devices, image.Device{Name: fmt.Sprintf("net%d", i), Type: abi.DeviceNet})
	}
	return options
}
