// Package reliability does to a guest what networks do: frames are lost,
// reordered, repeated, delayed and damaged, addresses change, cables are pulled;
// strangers flood, scan and send nonsense; thousands of connections come and
// go. The guest must go on serving, and its memory must be what it was.
//
// The guest is the web server of appliances/, under hvt and spt. Tests need root,
// and are skipped, with the reason, without. What they do to the guest is
// determined by -seed. They take a minute; with -long, they do ten to fifty
// times as much:
//
//	go test ./tests/reliability -long -timeout 60m
package reliability

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"tender/tests/rig/suite"
)

var (
	long = flag.Bool("long", false, "do much more of everything")
	seed = flag.Uint64("seed", 1, "determines what is done to frames, and which nonsense is sent")
)

// parallel is how many guests there are at a time: most tests wait.
const parallel = 6

func TestMain(m *testing.M) { os.Exit(suite.Main(m, "reliability", parallel)) }

// much is a number for the short form of the tests, or one for the long form.
func much(short, inLong int) int {
	if *long {
		return inLong
	}
	return short
}

// web is the guest's image.
var web = suite.Artefact{Name: "web.hvt", Make: func(output string) error {
	tender, err := suite.Tender.Path()
	if err != nil {
		return err
	}
	return suite.Run(exec.Command(tender, "build", "-o", output, filepath.Join("..", "..", "appliances", "web")))
}}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
