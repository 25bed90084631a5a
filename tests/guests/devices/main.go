// Devices opens devices: each once at a time, and only those that there are.
package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"strings"
	"syscall"

	"tender/guest"
)

func openNIC(name string) (io.Closer, error)   { return guest.OpenNIC(name) }
func openBlock(name string) (io.Closer, error) { return guest.OpenBlock(name) }

func main() {
	for _, c := range []struct {
		open  func(string) (io.Closer, error)
		name  string
		other string // of the other type
	}{{openNIC, "net0", "disk"}, {openBlock, "disk", "net0"}} {
		for range 200 { // more often than there are descriptors
			d, err := c.open(c.name)
			if err != nil {
				log.Fatal(err)
			}
			if _, err := c.open(c.name); !errors.Is(err, syscall.EBUSY) || !strings.Contains(err.Error(), c.name) {
				log.Fatalf("opened twice: %v", err)
			}
			if err := d.Close(); err != nil {
				log.Fatal(err)
			}
		}
		for _, name := range []string{c.other, "", "net", "net00", "Net0", "../net0", strings.Repeat("x", 67), strings.Repeat("x", 10000)} {
			if _, err := c.open(name); err == nil || len(name) < 100 && !errors.Is(err, fs.ErrNotExist) {
				log.Fatalf("%q: %v", name, err)
			}
		}
	}
	fmt.Println("ok")
}
