package main

import (
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
)

// symbols are the functions of an image, in the order of their addresses.
type symbols []elf.Symbol

// readSymbols reads those of a linked program.
func readSymbols(path string) (symbols, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the image's symbols: %w", err)
	}
	defer f.Close()
	all, err := f.Symbols()
	if err != nil {
		return nil, fmt.Errorf("the image's symbols: %w", err)
	}
	all = slices.DeleteFunc(all, func(s elf.Symbol) bool { return elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Size == 0 })
	slices.SortFunc(all, func(a, b elf.Symbol) int { return cmp.Compare(a.Value, b.Value) })
	return all, nil
}

// name is the function at an address, "" if there is none.
func (s symbols) name(address uint64) string {
	i, found := slices.BinarySearchFunc(s, address, func(f elf.Symbol, a uint64) int { return cmp.Compare(f.Value, a) })
	if !found {
		i--
	}
	if i < 0 || address-s[i].Value >= s[i].Size {
		return ""
	}
	return s[i].Name
}
