package datapath

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tender/netback"
)

const childVariable = "DATAPATH_TEST_CHILD"

// TestChild is no test but a tender with a guest that forwards, in a process of
// its own, until it is killed.
func TestChild(t *testing.T) {
	if os.Getenv(childVariable) == "" {
		t.Skip("only for TestStoppedAndKilled")
	}
	var devices []netback.Device
	for _, name := range []string{"tapa", "tapb"} {
		d, err := netback.OpenTAP(name, netback.Options{})
		check(t, err)
		devices = append(devices, d)
	}
	r := newRig(t, false, devices...)
	fmt.Println("up")
	r.forward(t, make(chan struct{}))
}

// A tender that is stopped and continued loses nothing and repeats nothing; one
// that is killed in the middle leaves whole frames and free TAPs.
func TestStoppedAndKilled(t *testing.T) {
	for _, d := range twoTAPs(t) {
		check(t, d.Close())
	}
	child := exec.Command(os.Args[0], "-test.run=^TestChild$")
	child.Env = append(os.Environ(), childVariable+"=1")
	child.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	out, err := child.StdoutPipe()
	check(t, err)
	check(t, child.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	from, to := packetSocket(t, "tapa"), packetSocket(t, "tapb")
	next := 0
	send := func(count int) {
		for range count {
			_, err := unix.Write(from, sealed(next, 60+next%1400))
			check(t, err)
			next++
		}
	}
	for range 5 {
		send(50)
		check(t, child.Process.Signal(unix.SIGSTOP))
		send(100)
		time.Sleep(50 * time.Millisecond)
		check(t, child.Process.Signal(unix.SIGCONT))
		send(50)
		if came := checkSealed(t, to); came != 200 {
			t.Errorf("%d of 200 frames", came)
		}
	}
	send(100)
	check(t, child.Process.Kill())
	send(100)
	_ = child.Wait() // which tells of the signal
	// The TAPs are free at once: an io_uring lives on for a while, and would keep
	// files that are registered with it.
	for _, name := range []string{"tapa", "tapb"} {
		d, err := netback.OpenTAP(name, netback.Options{})
		check(t, err)
		check(t, d.Close())
	}
	checkSealed(t, to)
}
