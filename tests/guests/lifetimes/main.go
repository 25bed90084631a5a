// Lifetimes shows what hangs on the collector: pools, finalizers, cleanups,
// weak pointers and unique values.
package main

import (
	"fmt"
	"log"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unique"
	"weak"
)

type thing struct {
	id   int
	data [100]byte
}

// until waits for a condition, collecting meanwhile.
func until(what string, ok func() bool) {
	for range 100 {
		if ok() {
			return
		}
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	log.Fatalf("%s: has not happened", what)
}

func main() {
	var finalized, cleaned atomic.Int32
	weaks := make([]weak.Pointer[thing], 10)
	kept := &thing{id: 42}
	keptWeak := weak.Make(kept)
	for i := range weaks {
		v := &thing{id: i}
		weaks[i] = weak.Make(v)
		if i%2 == 0 {
			runtime.SetFinalizer(v, func(*thing) { finalized.Add(1) })
		} else {
			runtime.AddCleanup(v, func(n int) { cleaned.Add(int32(n)) }, i)
		}
	}
	until("finalizers", func() bool { return finalized.Load() == 5 })
	until("cleanups", func() bool { return cleaned.Load() == 1+3+5+7+9 })
	until("weak pointers", func() bool {
		for _, w := range weaks {
			if w.Value() != nil {
				return false
			}
		}
		return true
	})
	if v := keptWeak.Value(); v != kept || v.id != 42 {
		log.Fatal("a weak pointer to a live value is nil")
	}

	pool := sync.Pool{New: func() any { return new(thing) }}
	for range 1000 {
		t := pool.Get().(*thing)
		t.data[0]++
		pool.Put(t)
	}
	runtime.GC()
	runtime.GC()
	if t := pool.Get().(*thing); t.data[0] != 0 {
		log.Fatal("the pool has survived two collections")
	}

	a, b := unique.Make(fmt.Sprint("same", 1)), unique.Make(fmt.Sprint("same", 1))
	if a != b || a.Value() != "same1" {
		log.Fatal("unique handles differ")
	}
	runtime.KeepAlive(kept)
	fmt.Println("ok")
}
