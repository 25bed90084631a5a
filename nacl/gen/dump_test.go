package gen

import (
	"fmt"
	"os"
	"testing"

	"tender/nacl"
	"tender/nacl/diag"
)

func TestDump(t *testing.T) {
	text, _ := os.ReadFile(os.Getenv("NACL"))
	p, errs := nacl.Load(diag.NewSource("x.nacl", string(text)))
	fmt.Print(errs.Text())
	files, err := Package(p, Devices(p))
	if err != nil {
		t.Fatal(err)
	}
	for n, f := range files {
		fmt.Printf("---- %s %d\n", n, len(f))
		if len(f) < 20000 {
			fmt.Printf("%s\n", f)
		}
		os.WriteFile("/tmp/nacl/out/"+n, f, 0o644)
	}
}
