package nacl

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// web is a web server of this process on a host.
type web struct {
	server *http.Server
}

// web starts one at an address. It answers with its name and who asks, as
// "NAME for ADDRESS\n"; to /slow, with its name every 50 ms until the client
// has enough.
func (h *host) web(address, name string) *web {
	h.s.t.Helper()
	var listener net.Listener
	h.s.must(h.Do(func() (err error) {
		listener, err = net.Listen("tcp", address)
		return err
	}))
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		from, _, _ := net.SplitHostPort(r.RemoteAddr)
		fmt.Fprintf(w, "%s for %s\n", name, from)
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprintln(w, name)
			w.(http.Flusher).Flush()
			time.Sleep(50 * time.Millisecond)
		}
	})
	w := &web{&http.Server{Handler: mux}}
	go w.server.Serve(listener)
	h.s.t.Cleanup(w.kill)
	return w
}

// kill ends the server with all its connections.
func (w *web) kill() { w.server.Close() }
