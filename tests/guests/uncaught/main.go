// Uncaught panics in the way its argument says, and recovers from none.
package main

import (
	"errors"
	"fmt"
	"os"
)

type table struct{ rows []int }

func (t *table) row(i int) int { return t.rows[i] }

func main() {
	switch os.Args[1] {
	case "main":
		panic(errors.New("nothing works"))
	case "goroutine":
		go func() { panic(fmt.Sprintf("in goroutine %d", 7)) }()
		select {}
	case "nil":
		var t *table
		t.row(1)
	case "index":
		(&table{}).row(3)
	case "again":
		defer func() { panic("second") }()
		panic("first")
	case "custom":
		panic(table{})
	}
}
