package tests

import "testing"

func TestFiles(t *testing.T) {
	run(t, guest{name: "files"}).mustPrint(t, "to stdout\nok\n")
}

func TestPipes(t *testing.T) {
	run(t, guest{name: "pipes"}).mustPrint(t, "ok\n")
}

func TestHandUp(t *testing.T) {
	run(t, guest{name: "handup"}).mustPrint(t, "ok\n")
}

func TestProcesses(t *testing.T) {
	run(t, guest{name: "processes"}).mustPrint(t, "look: true\nno file: true\nrun: true\nexec: true\nwait: true\nids: 1 1 0 0\nfiles: 65536 <nil>\n")
}
