// Deadlock waits for what cannot come.
package main

import "sync"

func main() {
	var mu sync.Mutex
	ch := make(chan int)
	go func() {
		mu.Lock()
		<-ch
		mu.Lock()
	}()
	ch <- 1
	<-ch
}
