package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/emersion/go-ical"
	"github.com/emersion/go-webdav/caldav"
)

const (
	suffix    = ".ics"   // of objects
	titleFile = ".title" // holds what people call the calendar
	temporary = ".new"   // is being written
	maxName   = 200      // bytes of the name of an object or a calendar
)

// folder is where calendars are kept: a folder for each, a file for each
// object in it.
type folder string

// allowed are the names of calendars and objects. They cannot hide, nor lead
// elsewhere.
func allowed(name string) bool {
	return name != "" && len(name) <= maxName && name[0] != '.' && !strings.ContainsAny(name, "/\\\x00")
}

// calendars are the names of all.
func (f folder) calendars() ([]string, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && allowed(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// read reads a calendar. A file that is no calendar object is an error.
func (f folder) read(name string) (*calendar, error) {
	dir := filepath.Join(string(f), name)
	title, err := os.ReadFile(filepath.Join(dir, titleFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	c := newCalendar(strings.TrimSpace(string(title)))
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !allowed(e.Name()) || !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		file := filepath.Join(dir, e.Name())
		object, uid, err := readObject(file, homePath+name+"/"+e.Name())
		if err != nil {
			return nil, err
		}
		if info, err := e.Info(); err == nil {
			object.ModTime = info.ModTime()
		}
		c.keep(e.Name(), uid, object)
	}
	return c, nil
}

// readObject reads a file of an object that has a path.
func readObject(file, path string) (object *caldav.CalendarObject, uid string, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, "", err
	}
	err = attempt(func() error {
		data, err := ical.NewDecoder(bytes.NewReader(text)).Decode()
		if err == nil {
			object, uid, _, err = newObject(path, data)
		}
		return err
	})
	if err != nil {
		return nil, "", fmt.Errorf("%s holds nothing that a calendar may: %w", file, err)
	}
	return object, uid, nil
}

func (f folder) makeCalendar(name, title string) error {
	dir := filepath.Join(string(f), name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if title == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(dir, titleFile), []byte(title+"\n"), 0o644)
}

// write stores an object: the old one is there until the new one is.
func (f folder) write(calendar, name string, text []byte) error {
	dir := filepath.Join(string(f), calendar)
	written := filepath.Join(dir, temporary)
	if err := os.WriteFile(written, text, 0o644); err != nil {
		return errors.Join(err, os.Remove(written))
	}
	return os.Rename(written, filepath.Join(dir, name))
}

func (f folder) remove(calendar, name string) error {
	return os.Remove(filepath.Join(string(f), calendar, name))
}
