package block_test

import (
	"errors"
	"fmt"
	"log"

	"tender/guest"
	"tender/guest/block"
)

// A value that is replaced at once or not at all.
func ExampleStore() {
	disk, err := guest.OpenBlock("disk")
	if err != nil {
		log.Fatal(err)
	}
	store, err := block.Open(disk)
	if errors.Is(err, block.ErrBlank) {
		if err = block.Format(disk, 1000, 16); err == nil {
			store, err = block.Open(disk)
		}
	}
	if err != nil {
		log.Fatal(err)
	}
	var value []byte
	if _, last := store.Range(); last != 0 {
		if value, err = store.Read(nil, last); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Printf("%q\n", value)
	if _, err := store.Append(append(value, '+')); err != nil {
		log.Fatal(err)
	}
}
