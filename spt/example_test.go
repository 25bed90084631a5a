//go:build cgo

package spt_test

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"log"
	"os"

	"tender/abi"
	"tender/image"
	"tender/machine"
	"tender/spt"
)

// helloImage is a guest of two system calls and a text; usually an image
// comes from image.Open.
func helloImage() (*image.Image, error) {
	code := []byte{
		0xbf, 1, 0, 0, 0, 0xbe, 0x00, 0x10, 0x10, 0x00, 0xba, 21, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0x0f, 0x05, // write(1, 0x101000, 21)
		0xbf, 3, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05, // exit_group(3)
	}
	var file bytes.Buffer
	err := image.Write(&file, image.Spec{
		Target: abi.TargetSPT, Version: abi.VersionSPT, Entry: 0x100000,
		Segments: []image.SegmentData{
			{Vaddr: 0x100000, Memsz: 0x1000, Align: 0x1000, Flags: elf.PF_R | elf.PF_X, Data: code},
			{Vaddr: 0x101000, Memsz: 0x1000, Align: 0x1000, Flags: elf.PF_R, Data: []byte("Hello from the guest\n")},
		},
	})
	if err != nil {
		return nil, err
	}
	return image.Read(bytes.NewReader(file.Bytes()), "hello")
}

// output is a console that is not a file: the guest reaches it by a pipe.
type output struct{}

func (output) Write(p []byte) (int, error) { return os.Stdout.Write(p) }

// Run a guest as a process of its own, from a Go program.
func Example() {
	im, err := helloImage()
	if err != nil {
		log.Fatal(err)
	}
	p, err := spt.New(spt.Config{Config: machine.Config{Image: im, MemBytes: 16 << 20, Console: output{}}})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	exit, err := p.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("exit status", exit.Status)
	// Output:
	// Hello from the guest
	// exit status 3
}
