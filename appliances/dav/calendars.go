package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/emersion/go-ical"
	"github.com/emersion/go-webdav"
	"github.com/emersion/go-webdav/caldav"
)

// Paths of CalDAV. There is one user, who has one set of calendars.
const (
	calendarPrefix = "/caldav"
	principalPath  = calendarPrefix + "/user/"
	homePath       = principalPath + "calendars/"
)

// Numbers of what is kept, which is all in memory too.
const (
	maxCalendars = 100
	maxObjects   = 10_000 // in a calendar
)

// calendars are kept in a folder and in memory. The methods may be called
// concurrently; what they return is not changed by anybody.
type calendars struct {
	folder folder
	mu     sync.RWMutex
	all    map[string]*calendar // by the name in the path
}

// calendar is one of them.
type calendar struct {
	title   string
	objects map[string]*caldav.CalendarObject // by the name in the path
	uids    map[string]string                 // the names by UID
}

var _ caldav.Backend = (*calendars)(nil)

// openCalendars reads a folder; it makes a calendar if there is none.
func openCalendars(dir string) (*calendars, error) {
	c := &calendars{folder: folder(dir), all: map[string]*calendar{}}
	names, err := c.folder.calendars()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if c.all[name], err = c.folder.read(name); err != nil {
			return nil, err
		}
	}
	if len(c.all) == 0 {
		err = c.CreateCalendar(context.Background(), &caldav.Calendar{Path: homePath + "default/"})
	}
	return c, err
}

// CurrentUserPrincipal implements webdav.UserPrincipalBackend.
func (c *calendars) CurrentUserPrincipal(context.Context) (string, error) { return principalPath, nil }

// CalendarHomeSetPath implements caldav.Backend, as do the methods below.
func (c *calendars) CalendarHomeSetPath(context.Context) (string, error) { return homePath, nil }

// CreateCalendar makes a calendar that is not there yet.
func (c *calendars) CreateCalendar(_ context.Context, made *caldav.Calendar) error {
	name, object, err := split(made.Path)
	if err != nil || object != "" {
		return refuse(http.StatusForbidden, "calendars are made below %s", homePath)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.all[name] != nil:
		return refuse(http.StatusMethodNotAllowed, "%s exists", made.Path)
	case len(c.all) >= maxCalendars:
		return refuse(http.StatusInsufficientStorage, "there are %d calendars, which is the most", maxCalendars)
	}
	if err := c.folder.makeCalendar(name, made.Name); err != nil {
		return err
	}
	c.all[name] = newCalendar(made.Name)
	return nil
}

func newCalendar(title string) *calendar {
	return &calendar{title: title, objects: map[string]*caldav.CalendarObject{}, uids: map[string]string{}}
}

// ListCalendars returns them in the order of their names.
func (c *calendars) ListCalendars(context.Context) ([]caldav.Calendar, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var list []caldav.Calendar
	for _, name := range slices.Sorted(maps.Keys(c.all)) {
		list = append(list, c.all[name].described(name))
	}
	return list, nil
}

func (c *calendar) described(name string) caldav.Calendar {
	title := c.title
	if title == "" {
		title = name
	}
	return caldav.Calendar{Path: homePath + name + "/", Name: title, MaxResourceSize: maxRequest, SupportedComponentSet: components}
}

// GetCalendar describes one.
func (c *calendars) GetCalendar(_ context.Context, path string) (*caldav.Calendar, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	name, found, err := c.find(path)
	if err != nil {
		return nil, err
	}
	description := found.described(name)
	return &description, nil
}

// find returns the calendar that a path leads to or through. The caller holds
// the lock.
func (c *calendars) find(path string) (string, *calendar, error) {
	name, _, err := split(path)
	if err == nil && c.all[name] == nil {
		err = refuse(http.StatusNotFound, "there is no calendar %s", name)
	}
	return name, c.all[name], err
}

// GetCalendarObject returns an object whole, as all methods do.
func (c *calendars) GetCalendarObject(_ context.Context, path string, _ *caldav.CalendarCompRequest) (*caldav.CalendarObject, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, in, err := c.find(path)
	if err != nil {
		return nil, err
	}
	if _, object, _ := split(path); in.objects[object] != nil {
		return in.objects[object], nil
	}
	return nil, refuse(http.StatusNotFound, "there is no object %s", path)
}

// ListCalendarObjects returns them in the order of their names.
func (c *calendars) ListCalendarObjects(_ context.Context, path string, _ *caldav.CalendarCompRequest) ([]caldav.CalendarObject, error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, in, err := c.find(path)
	if err != nil {
		return nil, err
	}
	var list []caldav.CalendarObject
	for _, name := range slices.Sorted(maps.Keys(in.objects)) {
		list = append(list, *in.objects[name])
	}
	return list, nil
}

// QueryCalendarObjects returns those that the filter of a query lets through,
// and those that it cannot judge, as with a time zone of an unknown name: the
// client can.
func (c *calendars) QueryCalendarObjects(ctx context.Context, path string, query *caldav.CalendarQuery) ([]caldav.CalendarObject, error) {
	list, err := c.ListCalendarObjects(ctx, path, &query.CompRequest)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(o caldav.CalendarObject) bool {
		match := true
		err := attempt(func() (err error) {
			match, err = caldav.Match(query.CompFilter, &o)
			return err
		})
		return err == nil && !match
	}), nil
}

// PutCalendarObject stores an object, under the conditions of the request.
func (c *calendars) PutCalendarObject(_ context.Context, at string, data *ical.Calendar, o *caldav.PutCalendarObjectOptions) (*caldav.CalendarObject, error) {
	object, uid, text, err := newObject(path.Clean(at), data)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	calendarName, in, err := c.find(at)
	if err != nil {
		return nil, err
	}
	_, name, _ := split(at)
	if err := in.takes(name, uid, o); err != nil {
		return nil, err
	}
	if err := c.folder.write(calendarName, name, text); err != nil {
		return nil, err
	}
	in.keep(name, uid, object)
	return object, nil
}

// takes tells whether an object may be stored.
func (c *calendar) takes(name, uid string, o *caldav.PutCalendarObjectOptions) error {
	old := c.objects[name]
	switch {
	case !strings.HasSuffix(name, suffix):
		return refuse(http.StatusForbidden, "the names of objects end with %s", suffix)
	case o.IfNoneMatch.IsSet() && matches(o.IfNoneMatch, old), o.IfMatch.IsSet() && !matches(o.IfMatch, old):
		return refuse(http.StatusPreconditionFailed, "%s has been changed", name)
	case c.uids[uid] != "" && c.uids[uid] != name:
		return caldav.NewPreconditionError(caldav.PreconditionNoUIDConflict)
	case old == nil && len(c.objects) >= maxObjects:
		return refuse(http.StatusInsufficientStorage, "there are %d objects, which is the most", maxObjects)
	}
	return nil
}

// matches compares a condition with an object, nil for none.
func matches(m webdav.ConditionalMatch, object *caldav.CalendarObject) bool {
	if object == nil || m.IsWildcard() {
		return object != nil
	}
	tag, err := m.ETag()
	return err == nil && tag == object.ETag
}

// keep stores an object in the place of the one of its name.
func (c *calendar) keep(name, uid string, object *caldav.CalendarObject) {
	c.drop(name)
	c.objects[name], c.uids[uid] = object, name
}

func (c *calendar) drop(name string) {
	delete(c.objects, name)
	maps.DeleteFunc(c.uids, func(_, of string) bool { return of == name })
}

// DeleteCalendarObject deletes an object; calendars cannot be deleted.
func (c *calendars) DeleteCalendarObject(_ context.Context, path string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	calendarName, in, err := c.find(path)
	if err != nil {
		return err
	}
	_, name, _ := split(path)
	switch {
	case name == "":
		return refuse(http.StatusForbidden, "calendars cannot be deleted")
	case in.objects[name] == nil:
		return refuse(http.StatusNotFound, "there is no object %s", path)
	}
	if err := c.folder.remove(calendarName, name); err != nil {
		return err
	}
	in.drop(name)
	return nil
}

// split takes the names of a calendar and of an object in it, which may be
// left out, from a path.
func split(path string) (calendar, object string, err error) {
	rest, below := strings.CutPrefix(path, homePath)
	calendar, object, _ = strings.Cut(rest, "/")
	if !below || !allowed(calendar) || object != "" && !allowed(object) {
		return "", "", refuse(http.StatusForbidden, "%q is no place of ours", path)
	}
	return calendar, object, nil
}

func refuse(status int, format string, args ...any) error {
	return webdav.NewHTTPError(status, fmt.Errorf(format, args...))
}
