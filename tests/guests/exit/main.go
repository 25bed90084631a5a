// Exit ends with the status that its argument says, or by returning from main.
package main

import (
	"os"
	"strconv"
)

func main() {
	defer os.Stdout.WriteString("deferred\n")
	if len(os.Args) > 1 {
		status, err := strconv.Atoi(os.Args[1])
		if err != nil {
			panic(err)
		}
		os.Exit(status)
	}
}
