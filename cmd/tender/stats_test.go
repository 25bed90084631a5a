package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStatsValues(t *testing.T) {
	for value, ok := range map[string]bool{
		"counters.prom": true, "/a:b/c": true, "unix:/run/x": true, "unix:./x": true, "127.0.0.1:9100": true, "[::1]:9100": true,
		":9100": false, "localhost:9100": false, "unix:": false, "unix:x": false,
	} {
		if err := checkStats(value); (err == nil) != ok {
			t.Errorf("--stats=%s: %v", value, err)
		}
	}
}

// A confined tender tells the counters of a guest's network devices, in each
// of the ways, and pins its thread.
func TestStats(t *testing.T) {
	needKVM(t)
	newNetwork(t)
	addTAP(t, "tap0", 1500)
	g := new(guest)
	g.manifest = append(g.manifest, netDevice("outside"))
	g.umem = uint64(g.put(uint64(0)))
	g.puts("up\n")
	image := g.file(t)
	dir := openDir(t)
	file, socket := filepath.Join(dir, "file"), filepath.Join(dir, "socket")
	const want = `tender_net_frames_total{guest="` // and the image's name
	const also = `device="outside",direction="send",reason="full"} 0`
	start := func(where string) (cmd *exec.Cmd, end func()) {
		cmd = tenderCommand(t, "--net=tap0", "--stats="+where, "--cpu=0", image)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		check(t, err)
		check(t, cmd.Start())
		_, err = io.ReadFull(out, make([]byte, 3))
		check(t, err)
		return cmd, func() {
			check(t, cmd.Process.Signal(syscall.SIGTERM))
			if status := wait(t, cmd); status != 1 {
				t.Errorf("%s: status %d", where, status)
			}
		}
	}
	_, end := start(file)
	end()
	text, err := os.ReadFile(file)
	check(t, err)
	if !strings.Contains(string(text), want) || !strings.Contains(string(text), also) {
		t.Errorf("the file has %q", text)
	}
	for _, c := range []struct{ where, network, address string }{
		{"unix:" + socket, "unix", socket}, {"127.0.0.1:9123", "tcp", "127.0.0.1:9123"}, {"unix:" + socket, "unix", socket},
	} {
		if c.network == "tcp" {
			sh(t, "ip link set lo up")
		}
		cmd, end := start(c.where)
		pinned := false
		for _, status := range threadStatus(t, cmd.Process.Pid) {
			pinned = pinned || status["Cpus_allowed_list"] == "0"
			if status["Seccomp"] != "2" {
				t.Error("the tender is not confined")
			}
		}
		if !pinned {
			t.Error("no thread is kept on CPU 0")
		}
		// One that says nothing does not keep the others from asking for long.
		silent, err := net.Dial(c.network, c.address)
		check(t, err)
		for _, request := range []string{"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "POST / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"} {
			conn, err := net.Dial(c.network, c.address)
			check(t, err)
			check(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
			_, err = io.WriteString(conn, request)
			check(t, err)
			answer, err := io.ReadAll(bufio.NewReader(conn))
			check(t, err)
			check(t, conn.Close())
			get := strings.HasPrefix(request, "GET")
			if ok := strings.HasPrefix(string(answer), "HTTP/1.0 200 OK\r\n"); ok != get || get && !(strings.Contains(string(answer), want) && strings.HasSuffix(string(answer), "\n") && strings.Contains(string(answer), also)) {
				t.Errorf("%s: %q is answered %q", c.where, request, answer)
			}
		}
		check(t, silent.Close())
		end()
	}
	for options, says := range map[string]string{
		"--stats=/no/such/dir":    "no such file",
		"--stats=192.0.2.77:9100": "cannot listen",
		"--cpu=1000":              "CPU 1000",
		"--cpu=x":                 "number of a CPU",
	} {
		got := finish(t, tenderCommand(t, "--net=tap0", options, image))
		if got.status != 1 || !oneLine(got.err) || !strings.Contains(got.err, says) {
			t.Errorf("%s: %+v", options, got)
		}
	}
}
