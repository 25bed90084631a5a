package datapath

import (
	"bytes"
	"fmt"
	"strings"
)

// DeviceCounters are those of the device of a name.
type DeviceCounters struct {
	Name string
	*Counters
}

// WriteMetrics writes the counters of a guest's devices in the text format of
// Prometheus, version 0.0.4. The text never gets shorter while the counters
// count.
func WriteMetrics(w *bytes.Buffer, guest string, devices []DeviceCounters) {
	family := func(name, help string, each func(c *Counters, line func(labels string, value uint64))) {
		fmt.Fprintf(w, "# HELP %s %s\n# TYPE %[1]s counter\n", name, help)
		for _, d := range devices {
			each(d.Counters, func(labels string, value uint64) {
				fmt.Fprintf(w, "%s{guest=\"%s\",device=\"%s\",%s} %d\n", name, label(guest), label(d.Name), labels, value)
			})
		}
	}
	const receive, send = `direction="receive"`, `direction="send"`
	family("tender_net_frames_total", "Frames moved: received by the guest from the network, and sent by it.",
		func(c *Counters, line func(string, uint64)) {
			line(receive, c.Received.Load())
			line(send, c.Sent.Load())
		})
	family("tender_net_bytes_total", "Bytes of these frames, from the Ethernet header on.",
		func(c *Counters, line func(string, uint64)) {
			line(receive, c.ReceivedBytes.Load())
			line(send, c.SentBytes.Load())
		})
	family("tender_net_drops_total", "Frames not moved, and why. What the host dropped before tender could read it is counted by its interface.",
		func(c *Counters, line func(string, uint64)) {
			for d := range Drops {
				direction := receive
				if d.Sending() {
					direction = send
				}
				line(direction+`,reason="`+d.String()+`"`, c.Dropped(d))
			}
		})
}

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// label is the value of a label, as it stands between quotes.
func label(s string) string { return escapes.Replace(strings.ToValidUTF8(s, "\uFFFD")) }
