package main

import (
	"bytes"
	"fmt"
	"time"

	"tender/guest/net/engine"
)

// report prints the counters: first one line per interface and one for the
// flows, for programs, then a table for people.
//
// The lines are stable. Each begins with "firewall: counters " or "firewall:
// flows " and goes on in KEY=VALUE pairs, separated by single spaces, always
// all of them and in the same order: at=timer or at=exit, t=SECONDS since the
// start, if=NAME, then numbers. For each interface
//
//	rx = forwarded + fragmented + arp + echo + every drop_… + held
//	tx = tx_forwarded + tx_fragments + tx_arp + tx_icmp
func (f *firewall) report(at string, now time.Time) {
	var b bytes.Buffer
	var counters [2]engine.Counters
	t := now.Sub(f.start).Seconds()
	for i, name := range ifaceNames {
		c := f.engine.Counters(i)
		counters[i] = c
		fmt.Fprintf(&b, "firewall: counters at=%s t=%.3f if=%s rx=%d rx_bytes=%d tx=%d tx_bytes=%d", at, t, name, c.RxFrames, c.RxBytes, c.TxFrames, c.TxBytes)
		for fate := range engine.Fates {
			fmt.Fprintf(&b, " %s=%d", key(fate), c.Fates[fate])
		}
		fmt.Fprintf(&b, " held=%d dropped=%d tx_forwarded=%d tx_fragments=%d tx_arp=%d tx_icmp=%d tx_failed=%d arp_conflicts=%d neighbours=%d\n",
			c.Held, c.Dropped(), c.TxForwarded, c.TxFragments, c.TxARP, c.TxICMP, c.TxFailed, c.ARPConflicts, c.Neighbours)
	}
	n := f.engine.FlowCounters(f.nanos(now))
	fmt.Fprintf(&b, "firewall: flows at=%s t=%.3f active=%d begun=%d expired=%d evicted=%d reused=%d refused=%d icmp_errors_suppressed=%d\n",
		at, t, n.Active, n.Begun, n.Expired, n.Evicted, n.Reused, n.Refused, f.engine.ICMPErrorsSuppressed())
	table(&b, &counters)
	f.out.Write(b.Bytes())
}

// key is the name of a fate in a line.
func key(fate engine.Fate) string {
	if fate >= engine.FirstDrop {
		return "drop_" + fate.String()
	}
	return fate.String()
}

// table prints what is not zero, and the totals.
func table(b *bytes.Buffer, counters *[2]engine.Counters) {
	row := func(name string, always bool, value func(*engine.Counters) uint64) {
		o, i := value(&counters[outside]), value(&counters[inside])
		if always || o != 0 || i != 0 {
			fmt.Fprintf(b, "  %-28s %14d %14d\n", name, o, i)
		}
	}
	fmt.Fprintf(b, "  %-28s %14s %14s\n", "frames", ifaceNames[outside], ifaceNames[inside])
	row("received", true, func(c *engine.Counters) uint64 { return c.RxFrames })
	for fate := range engine.FirstDrop {
		row("  "+fate.String(), fate == engine.Forwarded, func(c *engine.Counters) uint64 { return c.Fates[fate] })
	}
	row("  held", false, func(c *engine.Counters) uint64 { return c.Held })
	row("  dropped", true, func(c *engine.Counters) uint64 { return c.Dropped() })
	for fate := engine.FirstDrop; fate < engine.Fates; fate++ {
		row("    "+fate.String(), false, func(c *engine.Counters) uint64 { return c.Fates[fate] })
	}
	row("sent", true, func(c *engine.Counters) uint64 { return c.TxFrames })
	row("  failed", false, func(c *engine.Counters) uint64 { return c.TxFailed })
}
