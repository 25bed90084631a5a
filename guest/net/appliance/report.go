package appliance

import (
	"bytes"
	"fmt"
	"runtime/metrics"
	"time"

	"tender/guest/net/engine"
	"tender/guest/net/journal"
)

// print prints what a timer is for, one line for each kind of data and thing.
func (a *Appliance) print(t *timer, now time.Time) {
	var b bytes.Buffer
	for _, d := range t.Data {
		switch d {
		case Timestamp:
			fmt.Fprintf(&b, "timestamp: %s uptime %.0f s\n", now.UTC().Format(time.RFC3339), now.Sub(a.clock.start).Seconds())
		case Stats:
			a.stats(&b, now)
		case Memory:
			memory(&b)
		case CPU:
			cpu(&b)
		case StackSampling:
			a.sampler.print(&b)
		case LB:
			a.sessions(&b)
		case Timers:
			for i := range a.timers {
				fmt.Fprintf(&b, "timer %d: interval %v fired %d\n", i+1, a.timers[i].Interval, a.timers[i].fired)
			}
		}
	}
	a.out.Write(b.Bytes())
}

// stats are the counters of the interfaces and of what is known about flows
// and the journal; on the console, and as messages if there is a server.
func (a *Appliance) stats(b *bytes.Buffer, now time.Time) {
	begin := b.Len()
	for i, f := range a.program.Ifaces {
		c := a.engine.Counters(a.numbers[i])
		fmt.Fprintf(b, "stats: %s rx %d bytes %d tx %d bytes %d forwarded %d dropped %d held %d neighbours %d\n",
			f.Name, c.RxFrames, c.RxBytes, c.TxFrames, c.TxBytes, c.Fates[engine.Forwarded]+c.Fates[engine.Fragmented], c.Dropped(), c.Held, c.Neighbours)
	}
	n := a.engine.FlowCounters(a.clock.nanos(now))
	fmt.Fprintf(b, "stats: flows active %d begun %d expired %d evicted %d refused %d no-port %d\n",
		n.Active, n.Begun, n.Expired, n.Evicted, n.Refused, n.PortsExhausted)
	j := a.journal.Counters()
	fmt.Fprintf(b, "stats: log printed %d unprinted %d sent %d unsent %d\n", j.Printed, j.Unprinted, j.Sent, j.NotSent)
	if a.program.Syslog == nil {
		return
	}
	for line := range bytes.Lines(b.Bytes()[begin:]) {
		a.journal.Syslog(journal.Info).Text(string(bytes.TrimSuffix(line, []byte("\n")))).End()
	}
}

// memory is what the Go runtime says about its memory.
func memory(b *bytes.Buffer) {
	v := read("/memory/classes/heap/objects:bytes", "/memory/classes/total:bytes", "/gc/cycles/total:gc-cycles")
	fmt.Fprintf(b, "memory: objects %.0f bytes of %.0f, %.0f collections\n", v[0], v[1], v[2])
}

// cpu is what the Go runtime says about its time.
func cpu(b *bytes.Buffer) {
	v := read("/cpu/classes/user:cpu-seconds", "/cpu/classes/gc/total:cpu-seconds", "/cpu/classes/idle:cpu-seconds")
	fmt.Fprintf(b, "cpu: program %.2f s collector %.2f s idle %.2f s\n", v[0], v[1], v[2])
}

// read returns metrics of the Go runtime by name.
func read(names ...string) []float64 {
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	values := make([]float64, len(names))
	for i, s := range samples {
		switch s.Value.Kind() {
		case metrics.KindUint64:
			values[i] = float64(s.Value.Uint64())
		case metrics.KindFloat64:
			values[i] = s.Value.Float64()
		}
	}
	return values
}
