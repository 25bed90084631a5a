package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Link is what the host counts on an interface. Of a TAP, Tx are the frames
// that the process behind it has taken and Rx those it has given.
type Link struct {
	RxFrames, RxBytes, RxDropped, TxFrames, TxBytes, TxDropped int
	Carrier                                                    bool
}

// Link asks iproute2 about an interface in the namespace.
func (n *Namespace) Link(name string) (l Link, err error) {
	out, err := n.Run(context.Background(), 5*time.Second, "ip", "-s", "-j", "link", "show", "dev", name)
	if err != nil {
		return l, fmt.Errorf("ip link show %s: %w: %s", name, err, out)
	}
	type counters struct{ Packets, Bytes, Dropped int }
	var links []struct {
		Flags   []string
		Stats64 struct{ Rx, Tx counters }
	}
	if err := json.Unmarshal([]byte(out), &links); err != nil || len(links) != 1 {
		return l, fmt.Errorf("ip link show %s printed %q: %v", name, out, err)
	}
	s := links[0].Stats64
	l = Link{
		RxFrames: s.Rx.Packets, RxBytes: s.Rx.Bytes, RxDropped: s.Rx.Dropped,
		TxFrames: s.Tx.Packets, TxBytes: s.Tx.Bytes, TxDropped: s.Tx.Dropped,
	}
	for _, flag := range links[0].Flags {
		l.Carrier = l.Carrier || flag == "LOWER_UP"
	}
	return l, nil
}
