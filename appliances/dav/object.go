package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	_ "time/tzdata" // events name time zones, and a unikernel has no files of them

	"github.com/emersion/go-ical"
	"github.com/emersion/go-webdav/caldav"
	"github.com/teambition/rrule-go"
)

// components are what calendars may hold.
var components = []string{ical.CompEvent, ical.CompToDo, ical.CompJournal}

// newObject makes an object of what a client or a file holds, with its UID and
// the text that is stored. The errors are those of RFC 4791, section 5.3.2.1.
func newObject(path string, data *ical.Calendar) (object *caldav.CalendarObject, uid string, text []byte, err error) {
	kind, uid, err := caldav.ValidateCalendarObject(data)
	if err != nil || uid == "" {
		return nil, "", nil, caldav.NewPreconditionError(caldav.PreconditionValidCalendarObjectResource)
	}
	if !slices.Contains(components, kind) {
		return nil, "", nil, caldav.NewPreconditionError(caldav.PreconditionSupportedCalendarComponent)
	}
	var buf bytes.Buffer
	if !slices.ContainsFunc(data.Children, endless) {
		err = ical.NewEncoder(&buf).Encode(data)
	}
	if err != nil || buf.Len() == 0 {
		return nil, "", nil, caldav.NewPreconditionError(caldav.PreconditionValidCalendarData)
	}
	sum := sha256.Sum256(buf.Bytes())
	object = &caldav.CalendarObject{
		Path:          path,
		ContentLength: int64(buf.Len()),
		ETag:          hex.EncodeToString(sum[:16]),
		Data:          data,
	}
	return object, uid, buf.Bytes(), nil
}

// endless tells of a component that recurs more often than daily, or by a rule
// that cannot be read: to count what lies in a span of time could take for
// ever.
func endless(c *ical.Component) bool {
	rule, err := c.Props.RecurrenceRule()
	return err != nil || rule != nil && rule.Freq > rrule.DAILY
}
