package toolchain

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"tender/abi"
	"tender/image"
	"tender/image/rootfs"
)

// textAddr is where the linker puts the first instruction: one page above the
// lowest load address, since it puts the ELF header in the page before.
const textAddr = abi.MinLoadAddr + abi.PageSize

// readLinked fills in segments, entry and extension note from the linker's
// output, and returns the address of the kernel's variable about files. The ELF
// header page, which the linker maps before the text, is left out.
func readLinked(path string, spec *image.Spec) (archive uint64, err error) {
	f, err := elf.Open(path)
	if err != nil {
		return 0, fmt.Errorf("reading the linked program: %w", err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return 0, fmt.Errorf("reading the linked program's symbols: %w", err)
	}
	if err := checkSyscalls(f, symbols); err != nil {
		return 0, err
	}
	kernel := kernelSymbols{symbols: symbols}
	spec.Entry = f.Entry
	spec.Tender = &abi.TenderNote{
		Version:          abi.TenderNoteVersion,
		Flags:            abi.FlagUserStart | abi.FlagPollMask | abi.FlagSPT | abi.FlagEvents | abi.FlagUMEM,
		FaultEntry:       kernel.find("faultEntry.abi0").Value,
		SignalEntry:      kernel.find("signalEntry.abi0").Value,
		SignalStack:      kernel.find("signalStack").Value,
		SignalStackBytes: kernel.find("signalStack").Size,
		Events:           kernel.find("tender").Value,
		UMEM:             kernel.find("umemAddress").Value,
	}
	if takesOffloads(symbols) {
		spec.Tender.Flags |= abi.FlagOffloads
	}
	kernel.checkOrder()
	archive = kernel.find(rootfs.Variable).Value
	if kernel.err != nil {
		return 0, kernel.err
	}
	for _, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Filesz == 0 {
			continue
		}
		data := make([]byte, p.Filesz)
		if _, err := io.ReadFull(p.Open(), data); err != nil {
			return 0, fmt.Errorf("reading the linked program: %w", err)
		}
		seg := image.SegmentData{Vaddr: p.Vaddr, Memsz: p.Memsz, Align: abi.PageSize, Flags: p.Flags, Data: data}
		if p.Vaddr < textAddr && p.Vaddr+p.Filesz > textAddr {
			cut := textAddr - p.Vaddr
			seg.Vaddr, seg.Memsz, seg.Data = textAddr, p.Memsz-cut, data[cut:]
		}
		spec.Segments = append(spec.Segments, seg)
	}
	return archive, nil
}

// takesOffloads says whether the program may call guest.NIC.Offload: then what that
// needs is linked.
func takesOffloads(symbols []elf.Symbol) bool {
	return slices.ContainsFunc(symbols, func(s elf.Symbol) bool {
		return s.Name == "tender/guest.(*rings).offload"
	})
}

// kernelSymbols finds symbols of the guest kernel and keeps the first error.
type kernelSymbols struct {
	symbols []elf.Symbol
	err     error
}

func (k *kernelSymbols) find(name string) elf.Symbol {
	name = kernelPath + "." + name
	for _, s := range k.symbols {
		if s.Name == name {
			return s
		}
	}
	if k.err == nil {
		k.err = fmt.Errorf("the linked program has no %s: this Go release is not one of %s", name, supported())
	}
	return elf.Symbol{}
}

// checkOrder makes sure that the linker has kept the order of what the kernel
// tells a program from itself by.
func (k *kernelSymbols) checkOrder() {
	start, end := k.find("textStart.abi0").Value, k.find("textEnd.abi0").Value
	for _, name := range []string{"start", "syscallEntry", "faultEntry", "tickEntry", "signalEntry", "linuxCall", "vectorTable"} {
		if at := k.find(name + ".abi0").Value; k.err == nil && (at < start || at >= end) {
			k.err = fmt.Errorf("the linked program has %s.%s at %#x, outside of %#x to %#x: this Go release is not one of %s", kernelPath, name, at, start, end, supported())
		}
	}
}

// writeImage writes the file beside its final place and moves it there.
func writeImage(path string, spec *image.Spec) (size int64, err error) {
	return writeFile(path, func(w io.Writer) error { return image.Write(w, *spec) })
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = writeFile(to, func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	})
	return err
}

func writeFile(path string, fill func(io.Writer) error) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tender-*")
	if err != nil {
		return 0, fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	w := bufio.NewWriter(f)
	err = errors.Join(fill(w), w.Flush(), f.Chmod(0o755))
	info, statErr := f.Stat()
	if err = errors.Join(err, statErr, f.Close()); err != nil {
		return 0, fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return 0, fmt.Errorf("writing %s: %w", path, err)
	}
	return info.Size(), nil
}
