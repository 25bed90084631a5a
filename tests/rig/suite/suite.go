// Package suite is what packages of end-to-end tests have in common: a scratch
// folder that goes with them, commands and images that are built once as users
// build them, and reasons to skip a test.
package suite

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"testing"

	"tender/tests/rig"
)

// scratch is the folder of what is built here.
var scratch string

// Main is for TestMain: it runs the tests and returns the exit status. What the
// package named has built and the namespaces it has made are removed, also
// when SIGINT or SIGTERM ends it. So many tests run at a time, if the command
// line does not say how many; 0 leaves that to package testing.
func Main(m *testing.M, name string, parallel int) int {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given && parallel > 0 {
		flag.Set("test.parallel", strconv.Itoa(parallel))
	}
	var err error
	if scratch, err = os.MkdirTemp("", "tender-"+name+"-*"); err != nil {
		fmt.Fprintln(os.Stderr, "cannot make a folder for what the tests build:", err)
		return 1
	}
	defer os.RemoveAll(scratch)
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-interrupted
		rig.Abandon()
		os.RemoveAll(scratch)
		os.Exit(1)
	}()
	return m.Run()
}
