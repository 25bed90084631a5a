package confine

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// User is who the process becomes: with one group, and no others.
type User struct {
	UID, GID int
}

// passwd is where names are looked up; the program has no libc's lookups.
const passwd = "/etc/passwd"

// ParseUser reads NAME, UID, NAME:GID or UID:GID. A name, or a UID without a
// GID, must be in /etc/passwd. Root is not taken: to become who one is
// needs no option.
func ParseUser(text string) (User, error) {
	who, group, hasGroup := strings.Cut(text, ":")
	uid, err := parseID(who)
	numeric := err == nil
	u := User{UID: uid}
	if !numeric || !hasGroup {
		if numeric {
			who = strconv.Itoa(uid)
		}
		if u, err = lookUp(who, numeric); err != nil {
			return User{}, err
		}
	}
	if hasGroup {
		if u.GID, err = parseID(group); err != nil {
			return User{}, fmt.Errorf("group %q is not a number", group)
		}
	}
	if u.UID == 0 || u.GID == 0 {
		return User{}, fmt.Errorf("user %q is root or in its group: name another, or none", text)
	}
	return u, nil
}

// parseID reads a UID or GID. The highest is the kernel's word for none.
func parseID(text string) (int, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 1<<32-1 {
		return 0, fmt.Errorf("%q is not a number of 0 to 4294967294", text)
	}
	return int(n), nil
}

func lookUp(who string, numeric bool) (User, error) {
	file, err := os.Open(passwd)
	if err != nil {
		return User{}, fmt.Errorf("cannot look user %q up: %w; write UID:GID, which needs no file", who, err)
	}
	u, err := search(file, who, numeric)
	if err != nil {
		err = fmt.Errorf("%s: %w", passwd, err)
	}
	return u, errors.Join(err, file.Close())
}

// search finds a user in a file of the form of /etc/passwd, by UID if numeric.
func search(file io.Reader, who string, numeric bool) (User, error) {
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		// name:password:UID:GID:…
		fields := strings.SplitN(lines.Text(), ":", 5)
		if len(fields) < 5 {
			continue
		}
		key := fields[0]
		if numeric {
			key = fields[2]
		}
		if key != who {
			continue
		}
		uid, err := parseID(fields[2])
		if err != nil {
			return User{}, fmt.Errorf("the UID of user %q: %w", who, err)
		}
		gid, err := parseID(fields[3])
		if err != nil {
			return User{}, fmt.Errorf("the GID of user %q: %w", who, err)
		}
		return User{UID: uid, GID: gid}, nil
	}
	if err := lines.Err(); err != nil {
		return User{}, err
	}
	return User{}, fmt.Errorf("there is no user %q: name another, or write UID:GID", who)
}
