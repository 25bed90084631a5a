package reliability

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"tender/tests/rig/suite"
)

// TestImpaired transfers files both ways and has requests answered over bad
// lines.
func TestImpaired(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		g := startRelayed(t, options)
		for _, c := range []struct {
			name string
			impairment
			ipv6 bool
		}{
			{name: "nothing"},
			{"loss", impairment{lose: 0.02}, false},
			{"reordering", impairment{reorder: 0.2}, false},
			{"duplication", impairment{duplicate: 0.2}, false},
			{"delay", impairment{delay: 10 * time.Millisecond, jitter: 5 * time.Millisecond}, false},
			{"damage", impairment{corrupt: 0.02}, false},
			{"everything", impairment{lose: 0.01, duplicate: 0.05, corrupt: 0.01, reorder: 0.1, delay: 2 * time.Millisecond, jitter: 2 * time.Millisecond}, false},
			{"everything over IPv6", impairment{lose: 0.01, duplicate: 0.05, corrupt: 0.01, reorder: 0.1}, true},
		} {
			t.Run(c.name, func(t *testing.T) {
				g := *g
				g.t = t
				if c.ipv6 {
					g.address = "[" + guestIPv6 + "]"
				}
				g.relay.impair(c.impairment)
				defer g.relay.impair(impairment{})
				g.exchange(much(1<<20, 64<<20), much(20, 500))
			})
		}
		g.mustServe(10 * time.Second)
	})
}

// TestNetem does the same with the kernel's own impairments, on the client's end
// of the TAP.
func TestNetem(t *testing.T) {
	suite.UnderBoth(t, func(t *testing.T, options []string) {
		suite.NeedTools(t, "tc")
		g := newGuest(t)
		out, err := g.client.Run(t.Context(), 10*time.Second, "tc", "qdisc", "add", "dev", tapName, "root", "netem",
			"loss", "2%", "duplicate", "2%", "delay", "5ms", "2ms", "reorder", "10%")
		if err != nil {
			t.Skipf("needs sch_netem, which the kernel does not have; TestImpaired does without: %s", strings.Join(strings.Fields(out), " "))
		}
		g.runOnTAP(options, static...)
		g.mustServe(startLimit)
		g.exchange(much(1<<20, 64<<20), much(20, 500))
	})
}

// exchange moves a file each way at the same time, and makes requests one after
// the other besides.
func (g *guest) exchange(bytes, requests int) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), g.http.Timeout)
	defer cancel()
	begun := time.Now()
	content := make([]byte, bytes)
	random := rand.New(rand.NewPCG(*seed, 2))
	for i := range content {
		content[i] = byte(random.Uint32())
	}
	var wg sync.WaitGroup
	errs := make([]error, 3)
	wg.Go(func() {
		got, err := g.download(ctx, bytes)
		if want := patternHash(bytes); err == nil && got != want {
			err = errors.New("other bytes than the guest sent")
		}
		if err != nil {
			errs[0] = fmt.Errorf("downloading: %w", err)
		}
	})
	wg.Go(func() {
		if err := g.upload(ctx, content); err != nil {
			errs[1] = fmt.Errorf("uploading: %w", err)
		}
	})
	wg.Go(func() {
		for i := range requests {
			if err := g.hello(ctx); err != nil {
				errs[2] = fmt.Errorf("request %d: %w", i, err)
				return
			}
		}
	})
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		g.t.Error(err)
	}
	g.t.Logf("%d MiB each way and %d requests in %v", bytes>>20, requests, time.Since(begun).Round(time.Millisecond))
}

// patternHash is the hash of what the web server sends as /bytes/N: the numbers
// of its words of eight bytes, each scrambled as splitmix64 does.
func patternHash(bytes int) string {
	hash, word := sha256.New(), make([]byte, 8)
	for at := 0; at < bytes; at += 8 {
		x := uint64(at/8) + 0x9e3779b97f4a7c15
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		binary.LittleEndian.PutUint64(word, x^x>>31)
		hash.Write(word[:min(8, bytes-at)])
	}
	return fmt.Sprintf("%x", hash.Sum(nil))
}
