package image

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"tender/abi"
)

// maxManifestJSON bounds the text of a manifest; 63 devices need 8 KB.
const maxManifestJSON = 1 << 20

const manifestType = "solo5.manifest"

// TypeName is the name of a device type in a manifest.
func TypeName(t abi.DeviceType) string {
	switch t {
	case abi.DeviceNet:
		return "NET_BASIC"
	case abi.DeviceBlock:
		return "BLOCK_BASIC"
	}
	return "<undefined type>"
}

// JSON is the manifest in Solo5's JSON form, as its query-manifest prints it.
// Devices of reserved types are left out. The manifest must pass Check.
func (m Manifest) JSON() []byte {
	var devices []string
	for _, d := range m {
		if d.Type < abi.DeviceReserved {
			devices = append(devices, fmt.Sprintf("    { \"name\": %q, \"type\": %q }", d.Name, TypeName(d.Type)))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "{\n  \"type\": %q,\n  \"version\": %d,\n  \"devices\": [\n", manifestType, abi.ManifestVersion)
	if len(devices) > 0 {
		b.WriteString(strings.Join(devices, ",\n") + "\n")
	}
	b.WriteString("  ]\n}\n")
	return []byte(b.String())
}

// ManifestError is a fault in the JSON form of a manifest.
type ManifestError struct {
	// File is the path of the text, empty if it was not read from a file.
	File string
	// Line counts from 1.
	Line int
	// Key is the path of the faulty key, such as .devices[1].name; it is
	// empty for faults of JSON itself.
	Key    string
	Reason string
}

func (e *ManifestError) Error() string {
	where := fmt.Sprintf("line %d", e.Line)
	if e.File != "" {
		where = fmt.Sprintf("%s:%d", e.File, e.Line)
	}
	if e.Key != "" {
		where += ": " + e.Key
	}
	return where + ": " + e.Reason
}

// ReadManifestJSON reads the manifest in the file at path. A fault in its
// text is a *ManifestError.
func ReadManifestJSON(path string) (Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifestJSON+1))
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest: %w", err)
	}
	m, err := ParseManifestJSON(data)
	if me, ok := errors.AsType[*ManifestError](err); ok {
		me.File = path
	}
	return m, err
}

// ParseManifestJSON reads Solo5's JSON form of a manifest, strictly: exactly
// the known keys, each once; version is the integer 1; types are NET_BASIC
// and BLOCK_BASIC; names are unique. A fault is a *ManifestError.
func ParseManifestJSON(data []byte) (Manifest, error) {
	p := &manifestParser{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	m, err := p.manifest()
	if err != nil {
		return nil, err
	}
	return m, nil
}

type manifestParser struct {
	data []byte
	dec  *json.Decoder
}

// fail makes an error at the value read last.
func (p *manifestParser) fail(key, format string, args ...any) error {
	return p.failAt(p.dec.InputOffset(), key, format, args...)
}

func (p *manifestParser) failAt(offset int64, key, format string, args ...any) error {
	line := 1 + bytes.Count(p.data[:min(offset, int64(len(p.data)))], []byte("\n"))
	return &ManifestError{Line: line, Key: key, Reason: fmt.Sprintf(format, args...)}
}

func (p *manifestParser) manifest() (Manifest, error) {
	if len(p.data) > maxManifestJSON {
		return nil, p.fail("", "more than %d bytes; a manifest is an object with type, version and devices", maxManifestJSON)
	}
	// With the syntax checked, Token fails no more.
	var raw json.RawMessage
	if err := json.Unmarshal(p.data, &raw); err != nil {
		offset := int64(0)
		if se, ok := errors.AsType[*json.SyntaxError](err); ok {
			offset = se.Offset
		}
		return nil, p.failAt(offset, "", "not valid JSON: %v", err)
	}
	var m Manifest
	err := p.object("", []string{"type", "version", "devices"}, func(name, key string) (err error) {
		switch name {
		case "type":
			return p.literal(key, manifestType, strconv.Quote(manifestType))
		case "version":
			return p.literal(key, json.Number("1"), "the integer 1")
		default:
			m, err = p.devices(key)
			return err
		}
	})
	return m, err
}

// literal reads a value that can only be want.
func (p *manifestParser) literal(key string, want json.Token, shown string) error {
	if t, err := p.dec.Token(); err != nil || t != want {
		return p.fail(key, "must be %s", shown)
	}
	return nil
}

// object reads an object with exactly the named members; member reads the
// value of one.
func (p *manifestParser) object(path string, names []string, member func(name, key string) error) error {
	keys := strings.Join(names, ", ")
	if t, err := p.dec.Token(); err != nil || t != json.Delim('{') {
		return p.fail(path, "must be an object with the keys %s", keys)
	}
	seen := make(map[string]bool, len(names))
	for p.dec.More() {
		name, key, err := p.key(path)
		switch {
		case err != nil:
			return err
		case !slices.Contains(names, name):
			return p.fail(key, "unknown key; the keys are %s", keys)
		case seen[name]:
			return p.fail(key, "given twice; keep one")
		}
		seen[name] = true
		if err := member(name, key); err != nil {
			return err
		}
	}
	if _, err := p.dec.Token(); err != nil {
		return p.fail(path, "%v", err)
	}
	for _, name := range names {
		if !seen[name] {
			return p.fail(path+"."+name, "missing; the keys are %s", keys)
		}
	}
	return nil
}

// key reads the name of a member, and makes its path.
func (p *manifestParser) key(path string) (name, key string, err error) {
	t, err := p.dec.Token()
	name, ok := t.(string)
	if err != nil || !ok {
		return "", "", p.fail(path, "a key is missing")
	}
	shown := name
	if checkName(name) != nil {
		shown = strconv.QuoteToASCII(name)
	}
	return name, path + "." + shown, nil
}

func (p *manifestParser) devices(path string) (Manifest, error) {
	if t, err := p.dec.Token(); err != nil || t != json.Delim('[') {
		return nil, p.fail(path, "must be an array of objects with the keys name, type")
	}
	m := Manifest{}
	for p.dec.More() {
		if len(m) == abi.MaxDevices {
			return nil, p.fail(path, "too many entries, maximum %d", abi.MaxDevices)
		}
		d, err := p.device(fmt.Sprintf("%s[%d]", path, len(m)), m)
		if err != nil {
			return nil, err
		}
		m = append(m, d)
	}
	if _, err := p.dec.Token(); err != nil {
		return nil, p.fail(path, "%v", err)
	}
	return m, nil
}

// device reads a device that comes after those in m.
func (p *manifestParser) device(path string, m Manifest) (d Device, err error) {
	err = p.object(path, []string{"name", "type"}, func(name, key string) (err error) {
		if name == "name" {
			d.Name, err = p.deviceName(key, m)
			return err
		}
		d.Type, err = p.deviceType(key)
		return err
	})
	return d, err
}

func (p *manifestParser) deviceName(key string, m Manifest) (string, error) {
	t, _ := p.dec.Token()
	name, ok := t.(string)
	if !ok {
		return "", p.fail(key, "must be a string")
	}
	if err := checkName(name); err != nil {
		return "", p.fail(key, "%v", err)
	}
	if slices.ContainsFunc(m, func(d Device) bool { return d.Name == name }) {
		return "", p.fail(key, "%q is declared twice; every device needs a name of its own", name)
	}
	return name, nil
}

func (p *manifestParser) deviceType(key string) (abi.DeviceType, error) {
	t, _ := p.dec.Token()
	for _, known := range []abi.DeviceType{abi.DeviceNet, abi.DeviceBlock} {
		if t == TypeName(known) {
			return known, nil
		}
	}
	return 0, p.fail(key, "must be %q or %q", TypeName(abi.DeviceNet), TypeName(abi.DeviceBlock))
}
