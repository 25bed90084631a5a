// Hello is the smallest appliance: it greets, and ends.
package main

import "fmt"

func main() {
	fmt.Println("Hello from a unikernel")
}
