// Memory allocates many times what there is, gives memory back to the system
// and takes it again: what is handed out is zero, and what is alive stays.
package main

import (
	"fmt"
	"log"
	"runtime"
	"runtime/debug"
)

// node is a tree whose shape and values can be checked.
type node struct {
	left, right *node
	value       int
}

func tree(depth, value int) *node {
	if depth == 0 {
		return nil
	}
	return &node{tree(depth-1, 2*value), tree(depth-1, 2*value+1), value}
}

func (n *node) check(depth, value int) {
	if depth == 0 {
		if n != nil {
			log.Fatal("the tree has grown")
		}
		return
	}
	if n == nil || n.value != value {
		log.Fatalf("the tree is damaged at %d: %v", value, n)
	}
	n.left.check(depth-1, 2*value)
	n.right.check(depth-1, 2*value+1)
}

// dirty takes n bytes, wants them zero and fills them.
func dirty(n int) []byte {
	b := make([]byte, n)
	for i, c := range b {
		if c != 0 {
			log.Fatalf("make([]byte, %d) has %#x at %d", n, c, i)
		}
		b[i] = 0xa5
	}
	return b
}

func main() {
	const depth = 14
	root := tree(depth, 1)
	sizes := []int{1, 17, 100, 1000, 4096, 10000, 32 << 10, 100 << 10, 1 << 20, 3 << 20}
	var kept [16][]byte
	for round := range 60 {
		for i, size := range sizes {
			kept[(round+i)%len(kept)] = dirty(size + round)
		}
		tree(10, 1)
		switch round % 10 {
		case 0:
			debug.SetGCPercent(10 + round) // often at first
		case 3:
			runtime.GC()
		case 7:
			clear(kept[:])
			debug.FreeOSMemory()
		}
	}
	root.check(depth, 1)

	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	fmt.Println("collections", m.NumGC > 10, "given back", m.HeapReleased > 0)
	fmt.Println("ok")
}
