package main

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"tender/blockback"
	"tender/hvt"
)

func TestParseRun(t *testing.T) {
	const none = -1
	byName := func(name, value string) backings { return backings{byName: map[string]string{name: value}} }
	inOrder := func(values ...string) backings { return backings{inOrder: values} }
	mac := map[string][6]byte{"a": {2, 0, 0, 0, 0, 0xaf}}
	for _, c := range []struct {
		words string // separated by |
		want  runOptions
	}{
		{"x.hvt", runOptions{image: "x.hvt"}},
		{"x.hvt|--net=tap0||--|-h", runOptions{image: "x.hvt", args: []string{"--net=tap0", "", "--", "-h"}}},
		{"--|x.hvt|a", runOptions{image: "x.hvt", args: []string{"a"}}},
		{"--|--mem=1|a", runOptions{image: "--mem=1", args: []string{"a"}}},
		{"--|--|a", runOptions{image: "--", args: []string{"a"}}},
		{"--mem=64|x", runOptions{image: "x", memBytes: 64 << 20}},
		{"--mem|64|x", runOptions{image: "x", memBytes: 64 << 20}},
		{"--mem=1|--mem=2|x", runOptions{image: "x", memBytes: 2 << 20}},
		{"--mem=4096|x", runOptions{image: "x", memBytes: 4 << 30}},
		{"--mem=4097|x", runOptions{image: "x", memBytes: 4097 << 20}},
		{"--start=user|x", runOptions{image: "x", start: hvt.StartUser}},
		{"--start|kernel|x", runOptions{image: "x", start: hvt.StartKernel}},
		{"--start=kernel|--start=auto|x", runOptions{image: "x"}},
		{"--net=tap0|--net|tap1|x", runOptions{image: "x", nets: inOrder("tap0", "tap1")}},
		{"--net:a=tap0|x", runOptions{image: "x", nets: byName("a", "tap0")}},
		{"--net:a|tap0|x", runOptions{image: "x", nets: byName("a", "tap0")}},
		{"--net:a=tap0|--net:a=tap1|x", runOptions{image: "x", nets: byName("a", "tap1")}},
		{"--net:a=@3|x", runOptions{image: "x", nets: byName("a", "@3")}},
		{"--net=@3|x", runOptions{image: "x", nets: inOrder("@3")}},
		{"--net=a:b=c|x", runOptions{image: "x", nets: inOrder("a:b=c")}},
		{"--net-mac:a=02:00:00:00:00:aF|x", runOptions{image: "x", macs: mac}},
		{"--block:d=/a=b:c|x", runOptions{image: "x", blocks: byName("d", "/a=b:c")}},
		{"--block=p q|x", runOptions{image: "x", blocks: inOrder("p q")}},
		{"--block|p|--block=q|x", runOptions{image: "x", blocks: inOrder("p", "q")}},
		{"--block-sector-size:d=4096|x", runOptions{image: "x", sectorBytes: map[string]int{"d": 4096}}},
		{"--block-sync:d=on|--block-ro:d|x", runOptions{image: "x", syncs: map[string]blockback.Sync{"d": blockback.SyncData}, readOnly: map[string]bool{"d": true}}},
		{"--grace=1m30s|x", runOptions{image: "x", grace: 90 * time.Second}},
		{"--grace=0|x", runOptions{image: "x", grace: none}},
		{"--grace|0s|x", runOptions{image: "x", grace: none}},
		{"--help", runOptions{help: true}},
		{"-h|x", runOptions{help: true, image: "x"}},
		{"--version", runOptions{version: true}},
	} {
		switch c.want.grace {
		case 0:
			c.want.grace = defaultGrace
		case none:
			c.want.grace = 0
		}
		got, err := parseRun(strings.Split(c.words, "|"))
		if len(got.args) == 0 {
			got.args = nil
		}
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, %v; want %+v", c.words, got, err, c.want)
		}
	}
}

func TestParseRunErrors(t *testing.T) {
	for _, c := range []struct {
		words, image, says string
	}{
		{"", "", "IMAGE is an empty word"},
		{"--", "", "no IMAGE"},
		{"--mem=1", "", "no IMAGE"},
		{"-|x", "x", "unknown option -:"},
		{"-x|y", "y", "unknown option -x"},
		{"--nte=tap0|x", "x", "unknown option --nte=tap0: did you mean --net=IF or --net:NAME=IF?"},
		{"--nte=tap0", "", "unknown option --nte=tap0"},
		{"--memory=1|x", "x", "unknown option --memory=1: tender --help"},
		{"--men=1|x", "x", "did you mean --mem=N?"},
		{"--bolck=p|x", "x", "did you mean --block=PATH"},
		{"--mem=0|x", "x", "1 to 4096"},
		{"--mem=4098|x", "x", "1 to 4096"},
		{"--mem=64M|x", "x", "--mem=64M: memory is a whole number of MB"},
		{"--mem=-1|x", "x", "1 to 4096"},
		{"--mem=+1|x", "x", "1 to 4096"},
		{"--mem=0x10|x", "x", "1 to 4096"},
		{"--mem=1_0|x", "x", "1 to 4096"},
		{"--mem=99999999999999999999|x", "x", "1 to 4096"},
		{"--mem=|x", "x", "empty value"},
		{"--mem", "", "--mem has no value: write --mem=N"},
		{"--mem|--net=t|x", "x", "--mem has no value"},
		{"--mem|x", "", "--mem=x: memory is a whole number"},
		{"--mem:a=1|x", "x", "--mem:a=1 takes no device name"},
		{"--start=ring0|x", "x", "auto, user or kernel"},
		{"--net=|x", "x", "empty value"},
		{"--net||x", "x", "empty value"},
		{"--net:=tap0|x", "x", "does not name a device"},
		{"--net=@|x", "x", "not the number of a descriptor"},
		{"--net=@-1|x", "x", "not the number of a descriptor"},
		{"--net:a=@4294967296|x", "x", "not the number of a descriptor"},
		{"--net-mac=02:00:00:00:00:01|x", "x", "does not name a device: write --net-mac:NAME=MAC"},
		{"--net-mac:a=02:00:00:00:00|x", "x", "--net-mac:a=02:00:00:00:00: "},
		{"--net-mac:a=03:00:00:00:00:01|x", "x", "--net-mac:a=03:00:00:00:00:01: "},
		{"--block=|x", "x", "empty value"},
		{"--block||x", "x", "empty value"},
		{"--block-sector-size:a=521|x", "x", "power of two from 512 to 32768"},
		{"--block-sector-size:a=256|x", "x", "power of two from 512 to 32768"},
		{"--block-sector-size:a=65536|x", "x", "power of two from 512 to 32768"},
		{"--block-sync:a=yes|x", "x", "--block-sync:a=yes: it is on or off"},
		{"--block-sync=on|x", "x", "does not name a device: write --block-sync:NAME=on|off"},
		{"--block-ro:a=1|x", "x", "takes no value: write --block-ro:NAME"},
		{"--block-ro|x", "x", "does not name a device: write --block-ro:NAME"},
		{"--grace=10|x", "x", "--grace=10: it is a time: write 10s"},
		{"--grace=-1s|x", "x", "it is a time"},
		{"--grace=|x", "x", "empty value"},
		{"--help=1|x", "x", "takes no value"},
		{"--mem=0|--bogus|x", "x", "--mem=0"}, // the first one
	} {
		got, err := parseRun(strings.Split(c.words, "|"))
		if err == nil || !strings.Contains(err.Error(), c.says) || got.image != c.image {
			t.Errorf("%s: %v, image %q; want %q, image %q", c.words, err, got.image, c.says, c.image)
		}
	}
	if _, err := parseRun(nil); err == nil || !strings.Contains(err.Error(), "no IMAGE") {
		t.Errorf("no words: %v", err)
	}
}

// An option is only ever unknown, wrong or stored, and what comes after IMAGE
// is left alone.
func FuzzParseRun(f *testing.F) {
	for _, seed := range []string{
		"--net=tap0\n--mem\n64\n--\nx\n--net=y\n", "--net:a=@3\n--net-mac:a=02:00:00:00:00:01\nx", "--block:d=p\n--block-sector-size:d=512\nx",
		"--block:d=p\n--block-sync:d=on\n--block-ro:d\nx",
		"--net:=\n--:=\n-\n=\n:\n", "--help\n--version", "--start\nuser\n\n", "--mem=99999999999999999999\nx",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words := strings.Split(text, "\n")
		given := slices.Clone(words)
		o, err := parseRun(words)
		if !slices.Equal(words, given) {
			t.Fatalf("%q became %q", given, words)
		}
		if err == nil && o.image == "" && !o.help && !o.version {
			t.Fatalf("%q: no image and no error", words)
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Fatalf("%q: an error without words", words)
		}
		if o.image != "" && !slices.Equal(words[len(words)-len(o.args):], o.args) {
			t.Fatalf("%q: arguments %q", words, o.args)
		}
		if o.memBytes>>20 > 4097 || len(o.args) > len(words) {
			t.Fatalf("%q: %+v", words, o)
		}
		for _, n := range o.sectorBytes {
			if n < 512 || n > 32768 || n&(n-1) != 0 {
				t.Fatalf("%q: sector size %d", words, n)
			}
		}
	})
}

func TestNearest(t *testing.T) {
	for _, c := range []struct{ word, want string }{
		{"biuld", "build"}, {"buidl", "build"}, {"build", "build"}, {"inspct", "inspect"}, {"docter", "doctor"},
		{"hlep", "help"}, {"runn", "run"}, {"firewall", ""}, {"", ""}, {"xyzzy", ""}, {strings.Repeat("build", 100), ""},
	} {
		if got := nearest(c.word, commandNames()); got != c.want {
			t.Errorf("nearest(%.20q) = %q, want %q", c.word, got, c.want)
		}
	}
}
