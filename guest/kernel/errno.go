package kernel

// Error numbers of Linux, as system calls return them: negated.
const (
	ePERM        = -1
	eNOENT       = -2
	eINTR        = -4
	eIO          = -5
	eNXIO        = -6
	eBADF        = -9
	eCHILD       = -10
	eAGAIN       = -11
	eNOMEM       = -12
	eACCES       = -13
	eBUSY        = -16
	eEXIST       = -17
	eNODEV       = -19
	eNOTDIR      = -20
	eISDIR       = -21
	eINVAL       = -22
	eNFILE       = -23
	eMFILE       = -24
	eNOTTY       = -25
	eFBIG        = -27
	eNOSPC       = -28
	eSPIPE       = -29
	eMLINK       = -31
	ePIPE        = -32
	eRANGE       = -34
	eNAMETOOLONG = -36
	eNOSYS       = -38
	eNOTEMPTY    = -39
	eLOOP        = -40
	eNOTSOCK     = -88
	eOPNOTSUPP   = -95
	eAFNOSUPPORT = -97
	eNETDOWN     = -100
	eTIMEDOUT    = -110
)
