package hvt

import "encoding/binary"

// The fault stub is the only code of ours that runs in a guest of a user-mode
// start, at CPL 0. The CPU enters it by the IDT when the guest raises an
// exception; it stores abi.FaultRecord and resumes the guest at its handler.
// IRETQ is the way back because SYSRET would need registers the guest owns.
//
// An exception raised at CPL 0 can only come from the stub itself. It then
// halts, which ends KVM_RUN, instead of faulting for ever.

const (
	vectors      = 32
	stubEntry    = 16 // bytes of one vector's entry
	stubCommonAt = vectors * stubEntry
)

// pushesErrorCode is the set of vectors for which the CPU pushes an error code.
const pushesErrorCode = 1<<8 | 1<<10 | 1<<11 | 1<<12 | 1<<13 | 1<<14 | 1<<17 | 1<<21 | 1<<29 | 1<<30

// stubCommon expects on the stack: vector, error code, RIP, CS, RFLAGS, RSP,
// SS, eight bytes each. Its two immediates are patched by faultStub.
var stubCommon = []byte{
	0xf6, 0x44, 0x24, 0x18, 0x03, //             testb $3, 24(%rsp)      from CPL 3?
	0x75, 0x03, //                               jnz   1f
	0xf4,       //                               2: hlt
	0xeb, 0xfd, //                               jmp   2b
	0x50,                               // 1: push  %rax
	0x53,                               // push  %rbx
	0x48, 0xbb, 0, 0, 0, 0, 0, 0, 0, 0, //       movabs $record, %rbx
	0x48, 0x8b, 0x44, 0x24, 0x10, //             mov   16(%rsp), %rax    vector
	0x48, 0x89, 0x03, //                         mov   %rax, (%rbx)
	0x48, 0x8b, 0x44, 0x24, 0x18, //             mov   24(%rsp), %rax    error code
	0x48, 0x89, 0x43, 0x08, //                   mov   %rax, 8(%rbx)
	0x48, 0x8b, 0x44, 0x24, 0x20, //             mov   32(%rsp), %rax    RIP
	0x48, 0x89, 0x43, 0x10, //                   mov   %rax, 16(%rbx)
	0x48, 0x8b, 0x44, 0x24, 0x30, //             mov   48(%rsp), %rax    RFLAGS
	0x48, 0x89, 0x43, 0x18, //                   mov   %rax, 24(%rbx)
	0x48, 0x8b, 0x44, 0x24, 0x38, //             mov   56(%rsp), %rax    RSP
	0x48, 0x89, 0x43, 0x20, //                   mov   %rax, 32(%rbx)
	0x0f, 0x20, 0xd0, //                         mov   %cr2, %rax
	0x48, 0x89, 0x43, 0x28, //                   mov   %rax, 40(%rbx)
	0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, //       movabs $handler, %rax
	0x48, 0x89, 0x44, 0x24, 0x20, //             mov   %rax, 32(%rsp)    resume there
	0x48, 0x8b, 0x44, 0x24, 0x30, //             mov   48(%rsp), %rax
	0x48, 0x25, 0xff, 0xfe, 0xff, 0xff, //       and   $^0x100, %rax     TF off
	0x48, 0x0d, 0x00, 0x30, 0x00, 0x00, //       or    $0x3000, %rax     IOPL 3
	0x48, 0x89, 0x44, 0x24, 0x30, //             mov   %rax, 48(%rsp)
	0x5b,                   //                   pop   %rbx
	0x58,                   //                   pop   %rax
	0x48, 0x83, 0xc4, 0x10, //                   add   $16, %rsp
	0x48, 0xcf, //                               iretq
}

// stubStop takes the place of stubCommon while a debugger is to see each
// exception before the guest does. The stack tells it which.
var stubStop = []byte{
	0xf4,       // 1: hlt
	0xeb, 0xfd, //    jmp 1b
}

// Where the immediates of stubCommon are.
const (
	stubRecordImm  = 14
	stubHandlerImm = 75
)

// faultStub is the stub's code; the entry of vector v is at v*stubEntry.
// record is the address the stub writes abi.FaultRecord to, handler where
// the guest resumes.
func faultStub(record, handler uint64) []byte {
	code := make([]byte, stubCommonAt, stubCommonAt+len(stubCommon))
	for v := range vectors {
		entry := code[v*stubEntry : v*stubEntry : (v+1)*stubEntry]
		if pushesErrorCode&(1<<v) == 0 {
			entry = append(entry, 0x6a, 0) // push $0, in place of an error code
		}
		entry = append(entry, 0x6a, byte(v)) // push $v
		entry = append(entry, 0xe9)          // jmp stubCommon
		next := v*stubEntry + len(entry) + 4
		binary.LittleEndian.AppendUint32(entry, uint32(stubCommonAt-next))
	}
	code = append(code, stubCommon...)
	binary.LittleEndian.PutUint64(code[stubCommonAt+stubRecordImm:], record)
	binary.LittleEndian.PutUint64(code[stubCommonAt+stubHandlerImm:], handler)
	return code
}
