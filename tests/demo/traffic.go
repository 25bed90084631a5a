package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"tender/tests/rig"
)

// A check is one line of the table.
type check struct {
	what, want, got string
	ok              bool
}

const pings = 5

// traffic sends what the firewall shall pass and shall drop.
func traffic(ctx context.Context, n *rig.Network, console *rig.Console) ([]check, error) {
	var checks []check
	add := func(what, want, got string, ok bool) { checks = append(checks, check{what, want, got, ok}) }

	answers := 0
	for range pings { // a ping that has had an answer does not wait for the others
		out, _ := n.Outside.Run(ctx, 5*time.Second, "ping", "-n", "-c", "1", "-W", "2", rig.InsideHost)
		if strings.Contains(out, " 1 received") {
			answers++
		}
	}
	add("ping outside → inside", fmt.Sprint(pings, " answers"), fmt.Sprint(answers, " answers"), answers == pings)

	for _, port := range []string{allowedPort, forbiddenPort} {
		if err := serve(ctx, n, port); err != nil {
			return nil, err
		}
	}
	out, err := n.Outside.Run(ctx, 10*time.Second, "ncat", "--recv-only", "-w", "3", rig.InsideHost, allowedPort)
	add("TCP to port "+allowedPort+" (allowed)", "the server's answer", brief(out, err), strings.Contains(out, "answer from inside"))

	before, err := console.Fresh(ctx, "outside")
	if err != nil {
		return checks, err
	}
	out, err = n.Outside.Run(ctx, 10*time.Second, "ncat", "--recv-only", "-w", "2", rig.InsideHost, forbiddenPort)
	add("TCP to port "+forbiddenPort+" (no rule)", "time-out", brief(out, err), err != nil && strings.Contains(out, "TIMEOUT"))

	out, _ = n.Inside.Run(ctx, 10*time.Second, "ping", "-n", "-c", "1", "-W", "2", rig.InsideRouter)
	add("ping inside → firewall itself", "1 answer", between(out, "transmitted, ", " received")+" answer", strings.Contains(out, "1 received"))

	after, err := console.Fresh(ctx, "outside")
	if err != nil {
		return checks, err
	}
	dropped := after["drop_policy"] - before["drop_policy"]
	add("its counter of dropped SYNs", "at least 1", fmt.Sprint(dropped), dropped >= 1)
	add("its counter of forwarded frames", fmt.Sprintf("at least %d", pings), fmt.Sprint(after["forwarded"]), after["forwarded"] >= pings)
	inside, _ := console.Counters("inside")
	sent, got := after["tx_forwarded"], inside["forwarded"]
	add("frames in at inside = out at outside", fmt.Sprint(got), fmt.Sprint(sent), got == sent && sent > 0)
	return checks, nil
}

// serve starts a server inside that answers each connection with a line.
func serve(ctx context.Context, n *rig.Network, port string) error {
	if _, err := n.Inside.Start("ncat", "-l", "-k", "-p", port, "-c", "echo answer from inside"); err != nil {
		return err
	}
	return n.Inside.AwaitPort(ctx, "tcp", port)
}

func between(s, from, to string) string {
	_, s, _ = strings.Cut(s, from)
	s, _, _ = strings.Cut(s, to)
	return s
}

// brief is the last line of what a client printed.
func brief(out string, err error) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return strings.TrimPrefix(strings.TrimSuffix(last, "."), "Ncat: ")
	}
	if err != nil {
		return err.Error()
	}
	return "no answer"
}

// printTable returns how many checks failed.
func printTable(checks []check) (failed int) {
	good, bad, plain := "ok", "FAILED", ""
	if st, err := os.Stdout.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == "" {
		good, bad, plain = "\x1b[32mok", "\x1b[31mFAILED", "\x1b[0m"
	}
	fmt.Printf("\n%-38s %-22s %-22s\n", "WHAT", "EXPECTED", "HAPPENED")
	for _, c := range checks {
		mark := good
		if !c.ok {
			mark = bad
			failed++
		}
		fmt.Printf("%-38s %-22s %-22s %s%s\n", c.what, c.want, c.got, mark, plain)
	}
	return failed
}
