package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"tender/blockback"
	"tender/confine"
	"tender/hvt"
	"tender/netback"
)

// runOption is an option of `tender run`: a row of the help text and of the
// parser.
type runOption struct {
	flag   string
	value  string // what stands for the value, in brackets if it may be left out; "" for none
	device naming
	help   string
}

// naming is whether an option has the name of a device, as in --net:NAME=IF.
type naming int

const (
	unnamed naming = iota
	mayName
	mustName
)

var runOptionTable = []runOption{
	{"--net", "IF", mayName, "attach the TAP interface IF, the open descriptor @FD, or with xdp:IF an Ethernet interface that the guest then has to itself"},
	{"--net-mac", "MAC", mustName, "give the network device this address (xx:xx:xx:xx:xx:xx)"},
	{"--block", "PATH", mayName, "attach the file or block device PATH"},
	{"--block-sector-size", "N", mustName, "give the block device sectors of N bytes (512 to 32768)"},
	{"--block-sync", "on|off", mustName, "make each write of the block device wait for stable storage (default off: a write outlives tender, not a crash of the host)"},
	{"--block-ro", "", mustName, "attach the block device read-only, so that it can be shared; the guest's writes fail"},
	{"--mem", "N", unnamed, "give the guest N MB of memory (1 to 4096, default 512)"},
	{"--start", "MODE", unnamed, "enter the guest in CPU mode auto, user or kernel (default auto)"},
	{"--spt", "", unnamed, "run the guest as a sandboxed process, without KVM"},
	{"--x-exec-heap", "", unnamed, "make heap and stack of an spt guest executable"},
	{"--strict-solo5", "", unnamed, "give the guest Solo5's contract only: kernel mode, and none of our extensions"},
	{"--user", "USER", unnamed, "become this user before the guest starts (NAME, NAME:GID, UID:GID)"},
	{"--gdb", "[ADDR]", unnamed, "wait for gdb at ADDR and start the guest under it (default 127.0.0.1:1234, this machine only)"},
	{"--dumpcore", "DIR", unnamed, "write a core file to the folder DIR if the guest aborts or crashes"},
	{"--grace", "TIME", unnamed, "on SIGINT or SIGTERM, send the guest SIGTERM and end it after TIME or at the next signal (default 10s, 0 at once)"},
	{"--stats", "WHERE", unnamed, "count the frames of the network devices, as text for Prometheus: in a file, written every second, or over HTTP at ADDRESS:PORT or unix:PATH"},
	{"--cpu", "N", unnamed, "keep the thread that moves the guest's frames on CPU N, the first being 0"},
	{"--no-confine", "", unnamed, "keep privileges and system calls the guest does not need, to debug tender itself"},
	{"--help", "", unnamed, "show this help"},
	{"--version", "", unnamed, "show the versions of tender and of the ABI"},
}

// forms are the ways to write the option.
func (o runOption) forms() []string {
	value := ""
	switch {
	case o.optional():
		value = "[=" + o.value[1:]
	case o.value != "":
		value = "=" + o.value
	}
	switch o.device {
	case mayName:
		return []string{o.flag + value, o.flag + ":NAME" + value}
	case mustName:
		return []string{o.flag + ":NAME" + value}
	}
	return []string{o.flag + value}
}

// optional says whether the value may be left out.
func (o runOption) optional() bool { return strings.HasPrefix(o.value, "[") }

// runOptions are the options of `tender run`, with what stands behind them.
type runOptions struct {
	help, version bool
	memBytes      uint64 // 0 if not given
	start         hvt.Start
	nets          backings
	macs          map[string][6]byte
	blocks        backings
	sectorBytes   map[string]int
	syncs         map[string]blockback.Sync
	readOnly      map[string]bool
	strict        bool
	process       bool // run under spt
	execHeap      bool
	user          *confine.User // nil if not given
	gdb           string        // where to wait for gdb, "" if not given
	coreDir       string        // where to leave core files, "" if not given
	unconfined    bool
	stats         string        // where counters are told, "" if not given
	cpu           *int          // of the thread that moves frames, nil for any
	grace         time.Duration // for an orderly stop; 0 for none
	image         string        // "" if there is none
	args          []string
}

// backings are what the host offers for the devices of one type.
type backings struct {
	byName  map[string]string
	inOrder []string
}

func (b *backings) add(name, value string) {
	if name == "" {
		b.inOrder = append(b.inOrder, value)
		return
	}
	if b.byName == nil {
		b.byName = make(map[string]string)
	}
	b.byName[name] = value
}

// parseRun reads the words after `tender` or `tender run`. The first one that
// is neither an option nor its value is IMAGE; everything behind it is the
// guest's. Of repeated options the last one counts, except that each --net and
// --block without a name is one more device. With an error, the result holds
// what is not affected by it, IMAGE above all: what is wrong with the image is
// to be said first.
func parseRun(words []string) (o runOptions, err error) {
	o.grace = defaultGrace
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	for len(words) > 0 {
		word := words[0]
		if word == "--" {
			words = words[1:]
			break
		}
		if !strings.HasPrefix(word, "-") {
			break
		}
		words = words[1:]
		opt, name, value, hasValue, e := splitOption(word)
		if e != nil {
			keep(e)
			continue
		}
		if opt.value != "" && !hasValue && !opt.optional() {
			if len(words) == 0 || strings.HasPrefix(words[0], "-") {
				keep(fmt.Errorf("%s has no value: write %s", word, strings.Join(opt.forms(), " or ")))
				continue
			}
			value, words = words[0], words[1:]
		}
		keep(o.set(opt.flag, name, value))
	}
	if len(words) > 0 {
		o.image, o.args = words[0], words[1:]
		if o.image == "" {
			keep(errors.New("IMAGE is an empty word: give the path of an image"))
		}
	} else if !o.help && !o.version {
		keep(errors.New("no IMAGE: write tender [options] IMAGE [arguments], tender --help has examples"))
	}
	if o.user != nil && o.unconfined {
		keep(errors.New("--user and --no-confine exclude each other: drop one"))
	}
	if o.user != nil && o.debugged() {
		keep(errors.New("--user excludes --gdb and --dumpcore: drop it, and start tender as that user"))
	}
	return o, err
}

// splitOption takes --flag[:name][=value] apart and finds the flag.
func splitOption(word string) (opt runOption, name, value string, hasValue bool, err error) {
	head, value, hasValue := strings.Cut(word, "=")
	flag, name, hasName := strings.Cut(head, ":")
	if flag == "-h" {
		flag = "--help"
	}
	opt, ok := findOption(flag)
	switch {
	case !ok:
		return opt, "", "", false, unknownOption(word, flag)
	case hasValue && opt.value == "":
		err = fmt.Errorf("%s takes no value: write %s", word, opt.forms()[0])
	case hasValue && value == "":
		err = fmt.Errorf("%s has an empty value: write %s", word, strings.Join(opt.forms(), " or "))
	case hasName && opt.device == unnamed:
		err = fmt.Errorf("%s takes no device name: write %s", word, opt.forms()[0])
	case hasName && name == "", !hasName && opt.device == mustName:
		err = fmt.Errorf("%s does not name a device: write %s", word, opt.forms()[len(opt.forms())-1])
	}
	return opt, name, value, hasValue, err
}

func findOption(flag string) (runOption, bool) {
	for _, o := range runOptionTable {
		if o.flag == flag {
			return o, true
		}
	}
	return runOption{}, false
}

func unknownOption(word, flag string) error {
	flags := make([]string, len(runOptionTable))
	for i, o := range runOptionTable {
		flags[i] = o.flag
	}
	if like := nearest(flag, flags); like != "" {
		opt, _ := findOption(like)
		return fmt.Errorf("unknown option %s: did you mean %s?", word, strings.Join(opt.forms(), " or "))
	}
	return fmt.Errorf("unknown option %s: tender --help lists the options, those of the guest come after IMAGE", word)
}

// set stores an option; name is "" if it has none.
func (o *runOptions) set(flag, name, value string) (err error) {
	switch flag {
	case "--help":
		o.help = true
	case "--version":
		o.version = true
	case "--spt":
		o.process = true
	case "--x-exec-heap":
		o.execHeap = true
	case "--strict-solo5":
		o.strict = true
	case "--no-confine":
		o.unconfined = true
	case "--user":
		o.user, err = parseUser(value)
	case "--stats":
		o.stats, err = value, checkStats(value)
	case "--cpu":
		o.cpu, err = parseCPU(value)
	case "--gdb":
		o.gdb, err = parseGDB(value)
	case "--dumpcore":
		o.coreDir = value
	case "--grace":
		o.grace, err = parseGrace(value)
	case "--mem":
		o.memBytes, err = parseMem(value)
	case "--start":
		o.start, err = parseStart(value)
	case "--net":
		if err = checkInterface(value); err == nil {
			o.nets.add(name, value)
		}
	case "--block":
		if value == "" {
			return errors.New("--block has an empty value: write --block=PATH or --block:NAME=PATH")
		}
		o.blocks.add(name, value)
	case "--net-mac":
		var mac [6]byte
		if mac, err = netback.ParseMAC(value); err != nil {
			return fmt.Errorf("--net-mac:%s=%s: %w", name, value, err)
		}
		if o.macs == nil {
			o.macs = make(map[string][6]byte)
		}
		o.macs[name] = mac
	case "--block-sector-size":
		var n int
		if n, err = parseSector(name, value); err != nil {
			return err
		}
		if o.sectorBytes == nil {
			o.sectorBytes = make(map[string]int)
		}
		o.sectorBytes[name] = n
	case "--block-sync":
		var sync blockback.Sync
		if sync, err = parseSync(name, value); err != nil {
			return err
		}
		if o.syncs == nil {
			o.syncs = make(map[string]blockback.Sync)
		}
		o.syncs[name] = sync
	case "--block-ro":
		if o.readOnly == nil {
			o.readOnly = make(map[string]bool)
		}
		o.readOnly[name] = true
	}
	return err
}
