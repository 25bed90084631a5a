package toolchain

import (
	"fmt"
	"regexp"
)

// kernelPath is the import path of guest/kernel inside an image.
const kernelPath = "internal/syscall"

// kernelCall takes the place of a SYSCALL instruction.
const kernelCall = "\tCALL\tinternal∕syscall·syscallEntry(SB)"

// A patch is one spot of the standard library that changes. The file is
// relative to GOROOT/src; count says how often the spot must be found, 0
// meaning at least once.
type patch struct {
	file  string
	what  string
	old   *regexp.Regexp
	new   string
	count int
}

// syscallPatch turns each SYSCALL instruction of a file into a call with the
// same register contract.
func syscallPatch(file string) patch {
	return patch{
		file: file,
		what: "SYSCALL instructions",
		old:  syscallInstruction,
		new:  kernelCall,
	}
}

// constPatch replaces the value of one constant.
func constPatch(file, name, value string) patch {
	return patch{
		file:  file,
		what:  "constant " + name,
		old:   regexp.MustCompile(`(?m)^(\t` + name + `\s+= ).*$`),
		new:   "${1}" + value,
		count: 1,
	}
}

// patches re-home package runtime. The heap lives in flat guest memory of at
// most 8 GiB (heapAddrBits), grows in steps of 512 KiB as it does on wasm
// (logHeapArenaBytes, logPallocChunkPages), and has no sign-extended
// addresses (arenaBaseOffset). Hints for a randomised heap base would lie
// outside of guest memory.
func patches() []patch {
	return []patch{
		syscallPatch("runtime/sys_linux_amd64.s"),
		syscallPatch("runtime/time_linux_amd64.s"),
		syscallPatch("internal/runtime/syscall/linux/asm_linux_amd64.s"),
		syscallPatch("syscall/asm_linux_amd64.s"),
		{
			// A call gives the function a frame, and the kernel expects the
			// stack as the signal handler left it.
			file:  "runtime/sys_linux_amd64.s",
			what:  "sigreturn__sigaction",
			old:   regexp.MustCompile(`(?m)^(TEXT runtime·sigreturn__sigaction\(SB\),NOSPLIT)(,\$0)$`),
			new:   "${1}|NOFRAME${2}",
			count: 1,
		},
		{
			// The standard library's tests ask here whether processes can be
			// started: let them try.
			file:  "internal/testenv/exec.go",
			what:  "systems to try exec on",
			old:   regexp.MustCompile(`(?m)^\tcase "wasip1", "js", "ios":$`),
			new:   `	case "wasip1", "js", "ios", "linux":`,
			count: 1,
		},
		constPatch("runtime/malloc.go", "heapAddrBits", "33"),
		constPatch("runtime/malloc.go", "logHeapArenaBytes", "19"),
		constPatch("runtime/malloc.go", "arenaBaseOffset", "0"),
		constPatch("runtime/malloc.go", "randomizeHeapBase", "false"),
		constPatch("runtime/mpagealloc.go", "logPallocChunkPages", "6 + 0*goarch.IsWasm"),
		// 32 MB of BSS for the jitter entropy of FIPS 140-3 mode: a Linux process
		// does not pay for it until it is used, fixed guest memory would.
		{
			file:  "crypto/internal/fips140/drbg/entropy_fips140.go",
			what:  "scratch buffer",
			old:   regexp.MustCompile(`(?m)^var memory entropy\.ScratchBuffer$`),
			new:   "",
			count: 1,
		},
		{
			file:  "crypto/internal/fips140/drbg/entropy_fips140.go",
			what:  "use of the scratch buffer",
			old:   regexp.MustCompile(`entropy\.Seed\(&memory\)`),
			new:   "entropy.Seed(new(entropy.ScratchBuffer))",
			count: 2,
		},
	}
}

// apply returns the source with the patch in it.
func (p *patch) apply(src []byte) ([]byte, error) {
	n := len(p.old.FindAllIndex(src, -1))
	if n == 0 || p.count != 0 && n != p.count {
		return nil, fmt.Errorf("%s: %s: found %d times, so this Go release is not the one we know; use one of %s",
			p.file, p.what, n, supported())
	}
	return p.old.ReplaceAll(src, []byte(p.new)), nil
}
