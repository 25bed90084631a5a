package kernel

// Error numbers of Linux, as system calls return them: negated.
const (
	eNOENT    = -2
	eINTR     = -4
	eBADF     = -9
	eAGAIN    = -11
	eNOMEM    = -12
	eACCES    = -13
	eBUSY     = -16
	eNODEV    = -19
	eINVAL    = -22
	eNFILE    = -23
	eNOTTY    = -25
	eNOSPC    = -28
	eSPIPE    = -29
	eIO       = -5
	ePERM     = -1
	eNOSYS    = -38
	eTIMEDOUT = -110
)
