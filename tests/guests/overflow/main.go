// Overflow recurses without end.
package main

//go:noinline
func down(n int) int { return down(n+1) + n }

func main() { println(down(0)) }
