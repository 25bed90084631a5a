// Cpubound does a fixed amount of work that needs no operating system and
// prints how long each kind took, in nanoseconds: as a unikernel and as a
// Linux process it is the same program.
package main

import (
	"compress/flate"
	"crypto/sha256"
	"fmt"
	"io"
	"math"
	"sort"
	"strconv"
	"time"
)

func main() {
	for _, w := range []struct {
		name string
		work func() int
	}{
		{"sha256", hash},
		{"sort", sorting},
		{"map", mapping},
		{"float", float},
		{"flate", deflate},
		{"alloc", allocate},
	} {
		start := time.Now()
		sum := w.work()
		fmt.Println(w.name, time.Since(start).Nanoseconds(), sum)
	}
}

func hash() int {
	sum := sha256.Sum256(nil)
	for range 4_000_000 {
		sum = sha256.Sum256(sum[:])
	}
	return int(sum[0])
}

func sorting() int {
	v := make([]int, 3_000_000)
	x := uint32(1)
	for i := range v {
		x = x*1664525 + 1013904223
		v[i] = int(x >> 8)
	}
	sort.Ints(v)
	return v[len(v)/2]
}

func mapping() int {
	m := map[string]int{}
	for i := range 5_000_000 {
		m[strconv.Itoa(i%20_000)] += i
	}
	return len(m)
}

func float() int {
	s := 0.0
	for i := range 30_000_000 {
		s += math.Sqrt(float64(i)) * math.Sin(float64(i))
	}
	return int(s)
}

func deflate() int {
	n := &counter{}
	w, _ := flate.NewWriter(n, 6)
	line := []byte("the same line again, with a number that changes: ")
	for i := range 1_000_000 {
		w.Write(strconv.AppendInt(line, int64(i), 10))
	}
	w.Close()
	return n.bytes
}

type counter struct{ bytes int }

var _ io.Writer = (*counter)(nil)

func (c *counter) Write(p []byte) (int, error) {
	c.bytes += len(p)
	return len(p), nil
}

type node struct{ left, right *node }

func tree(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{tree(depth - 1), tree(depth - 1)}
}

func (n *node) count() int {
	if n.left == nil {
		return 1
	}
	return 1 + n.left.count() + n.right.count()
}

func allocate() int {
	total := 0
	for range 300 {
		total += tree(14).count()
	}
	return total
}
