// Idle says that it is there, and sleeps: what it and its tender hold in
// memory then is measured from outside.
package main

import (
	"fmt"
	"time"
)

func main() {
	fmt.Println("asleep")
	time.Sleep(3 * time.Second)
}
