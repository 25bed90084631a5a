package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"tender/abi"
	"tender/toolchain"
)

// testRun builds and runs the tests of packages.
type testRun struct {
	*testOptions
	tender  string // this command, which runs each guest in a process of its own
	scratch string // folder of images
	std     stdio
}

// testResult is what is reported of a package.
type testResult struct {
	text   []byte
	failed bool
}

// all tests the packages, some at a time, and reports them in their order.
func (r *testRun) all(ctx context.Context, pkgs []*toolchain.TestPackage) (failed bool) {
	results := make([]chan testResult, len(pkgs))
	for i := range results {
		results[i] = make(chan testResult, 1)
	}
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range pkgs {
			next <- i
		}
	}()
	for range min(r.parallel, len(pkgs)) {
		go func() {
			for i := range next {
				// What streams is for people who wait for one package.
				var stream io.Writer
				if len(pkgs) == 1 && r.verbose {
					stream = r.std.out
				}
				results[i] <- r.one(ctx, pkgs[i], filepath.Join(r.scratch, strconv.Itoa(i)), stream)
			}
		}()
	}
	for _, c := range results {
		result := <-c
		failed = failed || result.failed
		if ctx.Err() == nil && r.std.print(string(result.text)) != 0 {
			failed = true
		}
	}
	if failed && ctx.Err() == nil {
		r.std.print("FAIL\n")
	}
	return failed
}

// one tests a package. Output of its tests that is wanted goes to stream, if
// there is one, or else into the result.
func (r *testRun) one(ctx context.Context, pkg *toolchain.TestPackage, image string, stream io.Writer) testResult {
	notBuilt := func(problem string) testResult {
		return testResult{fmt.Appendf(nil, "# %s\n%s\nFAIL\t%s [build failed]\n", pkg.ImportPath, problem, pkg.ImportPath), true}
	}
	if ctx.Err() != nil {
		return testResult{failed: true}
	}
	if problem := pkg.Problem(); problem != "" {
		return notBuilt(problem)
	}
	if !pkg.HasTests() {
		return testResult{text: fmt.Appendf(nil, "?   \t%s\t[no test files]\n", pkg.ImportPath)}
	}
	if _, err := toolchain.Build(ctx, r.build(pkg, image)); err != nil {
		return notBuilt(err.Error())
	}
	defer os.Remove(image)
	output := &boundedBuffer{stream: stream}
	begun := time.Now()
	err := r.guest(ctx, image, output)
	took := time.Since(begun).Seconds()

	var text bytes.Buffer
	if stream == nil && (err != nil || r.verbose) {
		text.Write(output.Bytes())
		if !bytes.HasSuffix(output.Bytes(), []byte("\n")) {
			text.WriteByte('\n')
		}
	}
	if err != nil {
		fmt.Fprintf(&text, "%v\nFAIL\t%s\t%.3fs\n", err, pkg.ImportPath, took)
		return testResult{text.Bytes(), true}
	}
	note := ""
	if bytes.HasPrefix(output.Bytes(), []byte("testing: warning: no tests to run\n")) {
		note = " [no tests to run]"
	}
	fmt.Fprintf(&text, "ok  \t%s\t%.3fs%s\n", pkg.ImportPath, took, note)
	return testResult{text: text.Bytes()}
}

// testGrace is how much longer than the test binary's own time limit it may
// take until the guest is ended from outside.
const testGrace = 15 * time.Second

// guest runs an image; it is an error if the tests fail, or it does not come
// to that.
func (r *testRun) guest(ctx context.Context, image string, output *boundedBuffer) error {
	limit := r.timeout + testGrace
	if r.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, r.tender, r.words(image)...)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us to pass on
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Errorf("the guest hangs: it was ended after %v", limit)
	case output.full():
		return fmt.Errorf("the guest was ended after %d MB of output", maxTestOutput>>20)
	case errors.As(err, &exit) && exit.Exited():
		return fmt.Errorf("exit status %d", exit.ExitCode())
	}
	return err
}

// words are the arguments of tender that run an image.
func (r *testRun) words(image string) []string {
	words := []string{"run", "--mem=" + strconv.Itoa(r.memMB)}
	if r.target == abi.TargetSPT {
		words = append(words, "--spt")
	}
	for _, tap := range r.nets {
		words = append(words, "--net="+tap)
	}
	words = append(words, "--", image)
	return append(append(words, r.guestArgs...), r.binary...)
}

// maxTestOutput bounds what is kept of a guest's output.
const maxTestOutput = 64 << 20

// boundedBuffer is for one goroutine. It keeps what is written to it, as long as that is not too much,
// and passes it on to stream.
type boundedBuffer struct {
	buf    bytes.Buffer
	over   bool
	stream io.Writer // nil for none
}

// Write fails when there is too much.
func (b *boundedBuffer) Write(p []byte) (int, error) {
	if b.buf.Len()+len(p) > maxTestOutput {
		b.over = true
		return 0, errors.New("too much output")
	}
	if b.stream != nil {
		if _, err := b.stream.Write(p); err != nil {
			return 0, err
		}
	}
	return b.buf.Write(p)
}

// Bytes is all of it; there are no more writes.
func (b *boundedBuffer) Bytes() []byte { return b.buf.Bytes() }

func (b *boundedBuffer) full() bool { return b.over }
