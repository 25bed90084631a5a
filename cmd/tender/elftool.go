package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"tender/abi"
	"tender/image"
)

// elftool is solo5-elftool, which shows what images say of themselves and
// makes manifests for those of C programs; it returns the exit status.
// Source: solo5-abi 1.7.
func elftool(args []string, std stdio) int {
	command := ""
	if len(args) > 0 {
		command, args = args[0], args[1:]
	}
	var err error
	switch {
	case command == "query-abi" && len(args) == 1:
		err = query(args[0], (*image.Image).ABIJSON, std.out)
	case command == "query-manifest" && len(args) == 1:
		err = query(args[0], (*image.Image).ManifestJSON, std.out)
	case command == "gen-manifest" && len(args) == 2:
		err = generate(args[0], args[1], std)
	default:
		return elftoolUsage(std)
	}
	if err != nil {
		return std.fail(err)
	}
	return 0
}

func elftoolUsage(std stdio) int {
	fmt.Fprintf(std.err, `usage: %s COMMAND ...
COMMAND is:
  query-abi BINARY: show target and version of the ABI of BINARY, as JSON
  query-manifest BINARY: show the devices BINARY declares, as JSON
  gen-manifest SOURCE OUTPUT: make the C source OUTPUT of the manifest in the
      JSON file SOURCE; - is standard input or output
`, std.name)
	return abi.ExitFailure
}

func query(path string, answer func(*image.Image) []byte, out io.Writer) error {
	im, err := image.Open(path)
	if err != nil {
		return err
	}
	text := answer(im)
	if err := im.Close(); err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

func generate(source, output string, std stdio) error {
	manifest, err := readManifest(source, std.in)
	if err != nil {
		return err
	}
	text := manifestSource(manifest)
	if output == "-" {
		_, err := io.WriteString(std.out, text)
		return err
	}
	return writeWhole(output, text)
}

func readManifest(source string, in io.Reader) (image.Manifest, error) {
	if source != "-" {
		return image.ReadManifestJSON(source)
	}
	text, err := io.ReadAll(io.LimitReader(in, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("cannot read the manifest: %w", err)
	}
	m, err := image.ParseManifestJSON(text)
	var wrong *image.ManifestError
	if errors.As(err, &wrong) {
		wrong.File = "stdin"
	}
	return m, err
}

// maxManifest is more than the parser takes.
const maxManifest = 4 << 20

// manifestSource declares the note of a manifest in C, with the names of
// Solo5's header.
func manifestSource(m image.Manifest) string {
	var b strings.Builder
	entries := len(m) + 1
	fmt.Fprintf(&b, "/* The devices of a unikernel. Made from its manifest: do not edit. */\n\n#define MFT_ENTRIES %d\n#include \"mft_abi.h\"\n\n", entries)
	fmt.Fprintf(&b, "MFT1_NOTE_DECLARE_BEGIN\n{\n\t.version = MFT_VERSION,\n\t.entries = %d,\n\t.e = {\n", entries)
	b.WriteString("\t\t{ .name = \"\", .type = MFT_RESERVED_FIRST },\n")
	for _, d := range m {
		fmt.Fprintf(&b, "\t\t{ .name = \"%s\", .type = MFT_DEV_%s },\n", d.Name, image.TypeName(d.Type))
	}
	b.WriteString("\t},\n}\nMFT1_NOTE_DECLARE_END\n")
	return b.String()
}

// writeWhole makes a file or replaces it, at once when all of it is written;
// what is no regular file, such as a pipe, is written to.
func writeWhole(path, text string) (err error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(path, []byte(text), 0o666)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), os.Getpid()))
	file, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	_, err = file.WriteString(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("cannot write %s: %w", path, err), os.Remove(part))
	}
	return nil
}
