// Outofmemory keeps all it allocates, in pieces of the size its argument says.
package main

import (
	"fmt"
	"os"
	"strconv"
)

var kept [][]byte

func main() {
	size, err := strconv.Atoi(os.Args[1])
	if err != nil {
		panic(err)
	}
	for i := 0; ; i++ {
		b := make([]byte, size)
		for j := range b {
			if b[j] != 0 {
				fmt.Println("memory is not zero")
				os.Exit(3)
			}
			b[j] = byte(i)
		}
		kept = append(kept, b)
		if i&(i+1) != 0 {
			continue
		}
		for k := range kept {
			if len(kept[k]) != size || kept[k][0] != byte(k) || kept[k][size-1] != byte(k) {
				fmt.Println("memory is damaged")
				os.Exit(3)
			}
		}
	}
}
