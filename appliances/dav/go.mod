module appliances/dav

go 1.26.0

require (
	github.com/emersion/go-ical v0.0.0-20240127095438-fc1c9d8fb2b6
	github.com/emersion/go-webdav v0.6.0
	golang.org/x/net v0.62.0
)

require github.com/teambition/rrule-go v1.8.2
