package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"tender/tests/rig"
	"tender/tests/rig/suite"
)

// data is a reproducible file of random bytes.
func data(seed uint64, size int) []byte {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, size)
	source.Read(b)
	return b
}

// transfer sends a file by ncat and compares what arrives.
func (l *lab) transfer(from, to *rig.Namespace, target, port string, file []byte) {
	l.t.Helper()
	var got, clientErrors bytes.Buffer
	server := to.Command(l.ctx, "ncat", "-l", "--recv-only", "-p", port)
	server.Stdout = &got
	l.must(server.Start())
	l.must(to.AwaitPort(l.ctx, "tcp", port))
	client := from.Command(l.ctx, "ncat", "--send-only", target, port)
	client.Stdin, client.Stderr = bytes.NewReader(file), &clientErrors
	start := time.Now()
	l.must(client.Start())
	if err := wait(client, 60*time.Second); err != nil {
		l.t.Errorf("ncat to %s: %v: %s", target, err, clientErrors.String())
	}
	if err := wait(server, 60*time.Second); err != nil {
		l.t.Errorf("ncat at %s: %v", target, err)
	}
	if sha256.Sum256(got.Bytes()) != sha256.Sum256(file) {
		l.t.Errorf("%d bytes of %d arrived at %s, or others", got.Len(), len(file), target)
	}
	l.t.Logf("%d bytes to %s in %v", len(file), target, time.Since(start).Round(time.Millisecond))
}

// wait waits for a command, and kills it after the limit.
func wait(cmd *exec.Cmd, limit time.Duration) error {
	timer := time.AfterFunc(limit, func() { cmd.Process.Kill() })
	defer timer.Stop()
	return cmd.Wait()
}

// TestTransfer sends files both ways, and 20 MB by iperf3 both ways, between
// hosts with different MTUs.
func TestTransfer(t *testing.T) {
	t.Parallel()
	suite.NeedTools(t, "ncat", "iperf3", "ss")
	n := newNetwork(t)
	if err := n.Outside.IP("link", "set", n.InsideTAP, "mtu", "1400"); err != nil {
		t.Fatal(err)
	}
	l := startLab(t, n, "--allow=tcp,in=outside,dport=5201", "--allow=tcp,in=outside,dport=7000", "--allow=tcp,in=inside,dport=7001")
	l.transfer(l.Outside, l.Inside, rig.InsideHost, "7000", data(1, 8<<20))
	l.transfer(l.Inside, l.Outside, rig.OutsideHost, "7001", data(2, 8<<20))
	_, err := l.Inside.Start("iperf3", "-s")
	l.must(err)
	l.must(l.Inside.AwaitPort(l.ctx, "tcp", "5201"))
	for _, direction := range [][]string{nil, {"-R"}} {
		l.iperf("20M", direction...)
	}
	l.accounts()
}

// iperf moves a number of bytes through the firewall.
func (l *lab) iperf(size string, options ...string) {
	l.t.Helper()
	out, err := l.Outside.Run(l.ctx, 60*time.Second, append([]string{"iperf3", "-J", "-c", rig.InsideHost, "-n", size}, options...)...)
	var report struct {
		End struct {
			Sent struct {
				Bytes int64 `json:"bytes"`
			} `json:"sum_sent"`
			Received struct {
				Bytes         int64   `json:"bytes"`
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	// It does not wait for the last bytes it has sent to be read.
	sent, received := &report.End.Sent, &report.End.Received
	if err2 := json.Unmarshal([]byte(out), &report); err != nil || err2 != nil || sent.Bytes < 20<<20 || received.Bytes < 15<<20 {
		l.t.Errorf("iperf3 -n %s %v: %v, %v, %d bytes sent, %d received", size, options, err, err2, sent.Bytes, received.Bytes)
		return
	}
	l.t.Logf("iperf3 -n %s %v: %.0f Mbit/s", size, options, received.BitsPerSecond/1e6)
}

// accounts checks the counters of both interfaces against each other.
func (l *lab) accounts() {
	l.t.Helper()
	outside, inside := l.settled("outside"), l.settled("inside")
	if outside["forwarded"] != inside["tx_forwarded"] || inside["forwarded"] != outside["tx_forwarded"] {
		l.t.Errorf("%d and %d frames came in to be forwarded, %d and %d went out",
			outside["forwarded"], inside["forwarded"], inside["tx_forwarded"], outside["tx_forwarded"])
	}
	for name, c := range map[string]map[string]int{"outside": outside, "inside": inside} {
		if fates(c) != c["rx"] || c["tx"] != c["tx_forwarded"]+c["tx_fragments"]+c["tx_arp"]+c["tx_icmp"] {
			l.t.Errorf("the counters of %s do not add up: %v", name, c)
		}
	}
}
