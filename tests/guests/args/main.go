// Args prints its arguments.
package main

import (
	"fmt"
	"os"
)

func main() { fmt.Printf("%q\n", os.Args) }
