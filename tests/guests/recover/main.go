// Recover shows that faults of the CPU and checks of the compiler become
// panics that can be recovered from, again and again and in any goroutine.
package main

import (
	"errors"
	"fmt"
	"log"
	"runtime"
	"sync"
)

type far struct {
	_     [1 << 20]byte
	field int
}

type shape interface{ area() int }

var (
	zero   int
	index  = 5
	none   *int
	noFar  *far
	noMap  map[string]int
	noFunc func()
	slice      = []int{1, 2, 3}
	any1   any = "text"
	closed     = make(chan int)
	sink   int
)

func try(f func()) (text string) {
	defer func() {
		r := recover()
		var re runtime.Error
		if err, ok := r.(error); !ok || !errors.As(err, &re) {
			log.Fatalf("not a runtime error: %v", r)
		}
		text = r.(error).Error()
	}()
	f()
	return "nothing"
}

var cases = []struct {
	name string
	f    func()
}{
	{"read nil", func() { sink = *none }},
	{"write nil", func() { *none = 1 }},
	{"far nil field", func() { sink = noFar.field }},
	{"nil func", func() { noFunc() }},
	{"nil interface", func() { var s shape; sink = s.area() }},
	{"divide", func() { sink = 1 / zero }},
	{"modulo", func() { sink = 1 % zero }},
	{"index", func() { sink = slice[index] }},
	{"slice", func() { sink = len(slice[index:]) }},
	{"array pointer", func() { sink = (*[4]int)(slice)[0] }},
	{"nil map", func() { noMap["x"] = 1 }},
	{"assertion", func() { sink = any1.(int) }},
	{"interface assertion", func() { sink = any1.(shape).area() }},
	{"close of closed", func() { close(closed) }},
	{"make", func() { sink = len(make([]int, -index)) }},
	{"uncomparable key", func() { sink = map[any]int{}[slice] }},
}

func main() {
	close(closed)
	for _, c := range cases {
		fmt.Printf("%s: %s\n", c.name, try(c.f))
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				for _, c := range cases[:8] {
					try(c.f)
				}
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	fmt.Println("ok")
}
