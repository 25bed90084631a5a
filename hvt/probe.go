package hvt

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"sync"
	"time"

	"tender/abi"
	"tender/image"
	"tender/machine"
)

// Probe is what this machine's /dev/kvm can do. Software KVM, as on cloud
// machines without nested virtualisation, runs user-mode code natively and
// emulates kernel-mode code, slowly and without SSE.
type Probe struct {
	// User: an image can start in user mode.
	User bool
	// Kernel: kernel-mode code runs natively, SSE included.
	Kernel bool
}

// ProbeKVM tries both starts with a guest of a few instructions, once per
// process. It fails if there is no usable /dev/kvm at all.
func ProbeKVM() (Probe, error) {
	user, err := nativeUserMode()
	if err != nil {
		return Probe{}, err
	}
	kernel, err := nativeKernelMode()
	return Probe{User: user, Kernel: kernel}, err
}

var (
	nativeUserMode   = sync.OnceValues(func() (bool, error) { return runsSSE(StartUser) })
	nativeKernelMode = sync.OnceValues(func() (bool, error) { return runsSSE(StartKernel) })
)

// probeCode adds two vectors and halts, with the argument at probeArgs.
var probeCode = []byte{
	0x0f, 0x58, 0xc1, //             addps %xmm1, %xmm0
	0xb8, 0x00, 0x10, 0x10, 0x00, // mov   $probeArgs, %eax
	0x66, 0xba, 0x08, 0x05, //       mov   $0x508, %dx
	0xef,       //                   out   %eax, %dx
	0xeb, 0xfe, //                   jmp   .
}

const (
	probeEntry   = abi.MinLoadAddr
	probeArgs    = probeEntry + abi.PageSize
	probeMem     = abi.HVTMemGranularity
	probeTimeout = time.Second
)

// probeVM is a guest of a few instructions.
func probeVM(code []byte, start Start) (*VM, error) {
	var file bytes.Buffer
	err := image.Write(&file, image.Spec{
		Target:  abi.TargetHVT,
		Version: abi.VersionHVT,
		Entry:   probeEntry,
		Tender:  &abi.TenderNote{Version: abi.TenderNoteVersion, Flags: abi.FlagUserStart, FaultEntry: probeEntry},
		Segments: []image.SegmentData{{
			Vaddr: probeEntry, Memsz: uint64(len(code)), Align: abi.PageSize, Flags: elf.PF_R | elf.PF_X, Data: code,
		}},
	})
	if err != nil {
		return nil, err
	}
	im, err := image.Read(bytes.NewReader(file.Bytes()), "probe")
	if err != nil {
		return nil, err
	}
	return build(Config{Config: machine.Config{Image: im, MemBytes: probeMem}, Start: start})
}

// runsSSE says whether a guest that starts like this gets through probeCode.
func runsSSE(start Start) (bool, error) {
	vm, err := probeVM(probeCode, start)
	if errors.Is(err, errNoUserMode) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("probing /dev/kvm: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	_, err = vm.Run(ctx)
	if closed := vm.Close(); closed != nil {
		return false, fmt.Errorf("probing /dev/kvm: %w", closed)
	}
	var g *GuestError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &g), errors.Is(err, context.DeadlineExceeded):
		return false, nil
	}
	return false, fmt.Errorf("probing /dev/kvm: %w", err)
}
