package main

import (
	"fmt"
	"net/http"
)

// attempt calls f. If f panics, that is the error: the library that reads
// calendars does at some texts.
func attempt(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be read: %v", p)
		}
	}()
	return f()
}

// survived answers requests at which the handler panics: they are wrong.
func survived(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if attempt(func() error { next.ServeHTTP(w, r); return nil }) != nil {
			http.Error(w, "the request cannot be read", http.StatusBadRequest)
		}
	})
}
