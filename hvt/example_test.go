package hvt_test

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"log"
	"os"

	"tender/abi"
	"tender/hvt"
	"tender/image"
	"tender/machine"
)

// helloImage is a guest of three instructions and a text; usually an image
// comes from image.Open.
func helloImage() (*image.Image, error) {
	code := []byte{
		0xb8, 0x00, 0x10, 0x10, 0x00, 0x66, 0xba, 0x02, 0x05, 0xef, // PUTS(0x101000)
		0xb8, 0x10, 0x10, 0x10, 0x00, 0x66, 0xba, 0x08, 0x05, 0xef, // HALT(0x101010)
	}
	data := make([]byte, 32, 64)
	data[0], data[1], data[2] = 0x20, 0x10, 0x10 // PutsArgs.Data = 0x101020
	data[8] = byte(len("Hello from the guest\n"))
	data[24] = 3 // HaltArgs.Status
	data = append(data, "Hello from the guest\n"...)
	var file bytes.Buffer
	err := image.Write(&file, image.Spec{
		Target: abi.TargetHVT, Version: abi.VersionHVT, Entry: 0x100000,
		Segments: []image.SegmentData{
			{Vaddr: 0x100000, Memsz: 0x1000, Align: 0x1000, Flags: elf.PF_R | elf.PF_X, Data: code},
			{Vaddr: 0x101000, Memsz: 0x1000, Align: 0x1000, Flags: elf.PF_R | elf.PF_W, Data: data},
		},
	})
	if err != nil {
		return nil, err
	}
	return image.Read(bytes.NewReader(file.Bytes()), "hello")
}

// Run a guest inside a Go program.
func Example() {
	im, err := helloImage()
	if err != nil {
		log.Fatal(err)
	}
	vm, err := hvt.New(hvt.Config{Config: machine.Config{Image: im, MemBytes: 16 << 20, Console: os.Stdout}})
	if err != nil {
		log.Fatal(err)
	}
	defer vm.Close()
	exit, err := vm.Run(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("exit status", exit.Status)
	// Output:
	// Hello from the guest
	// exit status 3
}
