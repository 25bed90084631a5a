package kernel

// Error numbers of Linux, as system calls return them: negated.
const (
	ePERM        = -1
	eNOENT       = -2
	eINTR        = -4
	eIO          = -5
	eBADF        = -9
	eAGAIN       = -11
	eNOMEM       = -12
	eACCES       = -13
	eBUSY        = -16
	eEXIST       = -17
	eNODEV       = -19
	eINVAL       = -22
	eNFILE       = -23
	eMFILE       = -24
	eNOTTY       = -25
	eNOSPC       = -28
	eSPIPE       = -29
	ePIPE        = -32
	eRANGE       = -34
	eNOSYS       = -38
	eNOTSOCK     = -88
	eAFNOSUPPORT = -97
	eNETDOWN     = -100
	eTIMEDOUT    = -110
)
