package image

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tender/abi"
)

func TestHandle(t *testing.T) {
	m := Manifest{{Name: "a", Type: abi.DeviceNet}, {Name: "a", Type: abi.DeviceBlock}, {Name: "b", Type: abi.DeviceNet}}
	for _, c := range []struct {
		name   string
		t      abi.DeviceType
		handle int
	}{
		{"a", abi.DeviceNet, 1}, {"a", abi.DeviceBlock, 2}, {"b", abi.DeviceNet, 3},
		{"b", abi.DeviceBlock, 0}, {"", abi.DeviceReserved, 0}, {"", 0, 0},
	} {
		if h, ok := m.Handle(c.name, c.t); h != c.handle || ok != (c.handle > 0) {
			t.Errorf("Handle(%q, %d) = %d, %v", c.name, c.t, h, ok)
		}
	}
}

func TestManifestBinary(t *testing.T) {
	m := testSpec().Manifest
	data := m.Binary()
	if len(data) != 8+104*3 {
		t.Fatalf("%d bytes", len(data))
	}
	got, err := ParseManifest(data)
	if err != nil || !slices.Equal(got, m) {
		t.Errorf("%v, %v", got, err)
	}
	full := Manifest{}
	for i := range abi.MaxDevices {
		full = append(full, Device{Name: fmt.Sprint(strings.Repeat("n", 65), 10+i), Type: abi.DeviceNet})
	}
	got, err = ParseManifest(full.Binary())
	if err != nil || !slices.Equal(got, full) {
		t.Errorf("63 devices: %v", err)
	}
}

const manifestText = `{
  "type": "solo5.manifest",
  "version": 1,
  "devices": [
    { "name": "net0", "type": "NET_BASIC" },
    { "name": "disk", "type": "BLOCK_BASIC" }
  ]
}
`

func TestManifestJSON(t *testing.T) {
	m, err := ParseManifestJSON([]byte(manifestText))
	want := Manifest{{Name: "net0", Type: abi.DeviceNet}, {Name: "disk", Type: abi.DeviceBlock}}
	if err != nil || !slices.Equal(m, want) {
		t.Fatalf("%v, %v", m, err)
	}
	if got := string(m.JSON()); got != manifestText {
		t.Errorf("printed %s", got)
	}
	m, err = ParseManifestJSON([]byte(`{"devices":[],"version":1,"type":"solo5.manifest"}`))
	if err != nil || len(m) != 0 {
		t.Fatalf("%v, %v", m, err)
	}
	if got, want := string(m.JSON()), "{\n  \"type\": \"solo5.manifest\",\n  \"version\": 1,\n  \"devices\": [\n  ]\n}\n"; got != want {
		t.Errorf("printed %s", got)
	}
}

func TestManifestJSONErrors(t *testing.T) {
	device := `{ "name": "net0", "type": "NET_BASIC" }`
	many := strings.Repeat("\n"+device+",", 63) + device
	for i := range 63 {
		many = strings.Replace(many, `"net0"`, fmt.Sprintf(`"n%d"`, i), 1)
	}
	for _, c := range []struct{ old, new, want string }{
		{manifestText, "", "line 1: not valid JSON: unexpected end of JSON input"},
		{manifestText, "[]", "line 1: must be an object with the keys type, version, devices"},
		{manifestText, "null", "line 1: must be an object"},
		{manifestText, "{}", "line 1: .type: missing"},
		{"\n}\n", "\n}\n{}", "line 9: not valid JSON"},
		{"1,\n", "1\n", "line 4: not valid JSON"},
		{`  "version": 1,` + "\n", "", "line 7: .version: missing"},
		{`"version": 1`, `"version": 1.0`, "line 3: .version: must be the integer 1"},
		{`"version": 1`, `"version": "1"`, "line 3: .version: must be the integer 1"},
		{`"version": 1`, `"version": 2`, "line 3: .version: must be the integer 1"},
		{`"version": 1`, `"version": [1]`, "line 3: .version: must be the integer 1"},
		{`"version": 1`, "\"version\": 1,\n\"version\": 1", "line 4: .version: given twice"},
		{`"version"`, `"Version"`, "line 3: .Version: unknown key; the keys are type, version, devices"},
		{`"version"`, `"ver\nsion"`, `line 3: ."ver\nsion": unknown key`},
		{`solo5.manifest`, `solo5.abi`, `line 2: .type: must be "solo5.manifest"`},
		{`"solo5.manifest"`, `null`, `line 2: .type: must be "solo5.manifest"`},
		{device, `"net0"`, "line 5: .devices[0]: must be an object with the keys name, type"},
		{device, `{ "name": "net0" }`, "line 5: .devices[0].type: missing"},
		{device, `{ "name": "net0", "type": "NET_BASIC", "mac": "" }`, "line 5: .devices[0].mac: unknown key; the keys are name, type"},
		{`"NET_BASIC"`, `"NET"`, `line 5: .devices[0].type: must be "NET_BASIC" or "BLOCK_BASIC"`},
		{`"NET_BASIC"`, `{}`, `line 5: .devices[0].type: must be "NET_BASIC" or "BLOCK_BASIC"`},
		{`"disk"`, `7`, "line 6: .devices[1].name: must be a string"},
		{`"disk"`, `""`, "line 6: .devices[1].name: the name is empty"},
		{`"disk"`, `"d-k"`, `line 6: .devices[1].name: the name "d-k" is not only ASCII letters and digits`},
		{`"disk"`, "\"\xff\"", "line 6: .devices[1].name: the name"},
		{`"disk"`, `"` + strings.Repeat("d", 68) + `"`, "line 6: .devices[1].name: the name has 68 characters"},
		{`"disk"`, `"net0"`, `line 6: .devices[1].name: "net0" is declared twice`},
		{"[\n", "{\n", "not valid JSON"},
		{device, many, "line 68: .devices: too many entries, maximum 63"},
	} {
		text := strings.Replace(manifestText, c.old, c.new, 1)
		m, err := ParseManifestJSON([]byte(text))
		if m != nil {
			t.Errorf("%q: got %v", c.new, m)
		}
		expect(t, err, c.want)
		if _, ok := errors.AsType[*ManifestError](err); !ok {
			t.Errorf("%q: %T is no ManifestError", c.new, err)
		}
	}
	_, err := ParseManifestJSON(make([]byte, maxManifestJSON+1))
	expect(t, err, "more than 1048576 bytes")
}

func TestReadManifestJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "manifest.json")
	_, err := ReadManifestJSON(path)
	expect(t, err, "cannot read the manifest: open "+path)
	for text, want := range map[string]string{
		manifestText: "",
		"{\n}":       path + ":2: .type: missing",
		strings.Repeat(" ", maxManifestJSON) + manifestText: path + ":1: more than",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ReadManifestJSON(path)
		expect(t, err, want)
	}
}
