package main

import (
	"errors"
	"fmt"
	"math/bits"
	"strings"

	"tender/abi"
	"tender/blockback"
	"tender/image"
	"tender/netback"
)

// solo5Option is an option of Solo5's tenders, a line of their help.
type solo5Option struct {
	form, help string
	only       abi.Target // 0: both tenders have it
}

var solo5Options = []solo5Option{
	{"--mem=N", "guest memory in MB (default 512)", 0},
	{"--block:NAME=PATH", "attach the file or block device PATH", 0},
	{"--block-sector-size:NAME=N", "sectors of N bytes (default 512)", 0},
	{"--net:NAME=IFACE", "attach the TAP interface IFACE", 0},
	{"--net:NAME=@FD", "attach the open descriptor FD", 0},
	{"--net-mac:NAME=HWADDR", "the device's address (default: a random one)", 0},
	{"--x-exec-heap", "make the guest's heap executable; weakens it", abi.TargetSPT},
	{"--help", "show this help", 0},
	{"--version", "show the versions of the tender and of the ABI", 0},
}

// solo5Run is the options of a run, and the words they come from.
type solo5Run struct {
	runOptions
	words map[image.Device]string // that attach the device
}

// optionError is an option that the stock tender calls invalid.
type optionError struct {
	word string
	why  error // nil if it is only unknown
}

func (e *optionError) Error() string { return "Invalid option: " + e.word }

// parse reads options. Of repeated ones the last counts.
func (t solo5Tender) parse(options []string, m image.Manifest) (*solo5Run, error) {
	o := &solo5Run{words: make(map[image.Device]string)}
	for _, word := range options {
		if err := o.parse(word, t, m); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (o *solo5Run) parse(word string, t solo5Tender, m image.Manifest) error {
	if t.target == abi.TargetSPT && strings.HasPrefix(word, "--x-exec-heap") {
		return o.set("--x-exec-heap", "", "")
	}
	head, value, hasValue := strings.Cut(word, "=")
	if head == "--mem" && hasValue {
		n, ok := leadingDecimal(value)
		if !ok || n == 0 {
			return fmt.Errorf("Malformed argument to --mem: %s is not a number of MB", word)
		}
		o.memBytes = n << 20
		return nil
	}
	flag, name, _ := strings.Cut(head, ":")
	typ := abi.DeviceNet
	switch flag {
	case "--block", "--block-sector-size":
		typ = abi.DeviceBlock
	case "--net", "--net-mac":
	default:
		return &optionError{word: word}
	}
	if !isSolo5Name(name) || value == "" {
		return &optionError{word: word}
	}
	if _, ok := m.Handle(name, typ); !ok {
		return &optionError{word, fmt.Errorf("Resource not declared in manifest: '%s'", name)}
	}
	if flag == "--block-sector-size" {
		n, ok := leadingDecimal(value)
		if !ok || n < blockback.MinBlockBytes || n > blockback.MaxBlockBytes || bits.OnesCount64(n) != 1 {
			return &optionError{word, errors.New("Block size must be a multiple of 2 greater than or equal 512")}
		}
		value = fmt.Sprint(n)
	}
	if flag == "--net" || flag == "--block" {
		o.words[image.Device{Name: name, Type: typ}] = word
	}
	if err := o.set(flag, name, value); err != nil {
		return &optionError{word, err}
	}
	return nil
}

// isSolo5Name says whether the stock tenders take it for a device's name.
func isSolo5Name(name string) bool {
	for _, c := range []byte(name) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return name != "" && len(name) <= abi.MaxNameLen
}

// leadingDecimal reads the digits a text begins with, as the stock tenders do:
// what comes after them counts for nothing.
func leadingDecimal(text string) (n uint64, ok bool) {
	const enough = 1 << 40
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			break
		}
		n, ok = min(n*10+uint64(c-'0'), enough), true
	}
	return n, ok
}

// errNotAttached says that messages have told which devices lack.
var errNotAttached = errors.New("devices are not attached")

// attachAll matches the options with the manifest.
func (o *solo5Run) attachAll(m image.Manifest, std stdio) (all []attachment, err error) {
	for _, d := range m {
		if d.Type != abi.DeviceNet && d.Type != abi.DeviceBlock {
			continue
		}
		a := attachment{Device: d, backing: o.named(d.Type).byName[d.Name]}
		if a.backing == "" {
			std.say("Device '%s' of type %s declared but not attached.", d.Name, image.TypeName(d.Type))
			err = errNotAttached
			continue
		}
		a.settings(&o.runOptions)
		all = append(all, a)
	}
	if err != nil {
		std.say("All declared devices must be attached. See --help for syntax.")
		return nil, err
	}
	return all, checkShared(all)
}

// open opens all backings or none. A failure is reported in the stock
// tenders' words.
func (o *solo5Run) open(all []attachment) (*devices, error) {
	d := newDevices()
	for _, a := range all {
		err := d.open(a, netback.Options{})
		if err == nil {
			continue
		}
		if a.Type == abi.DeviceBlock {
			reason := strings.TrimPrefix(err.Error(), "could not attach block device: "+a.backing+": ")
			err = fmt.Errorf("%s: %s", a.Name, capital(reason))
		} else {
			err = &optionError{o.words[image.Device{Name: a.Name, Type: a.Type}], errors.New(capital(err.Error()))}
		}
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// capital begins a message as Solo5's begin.
func capital(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
