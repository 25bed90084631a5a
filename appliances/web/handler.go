package main

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/pprof"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

//go:embed page
var embedded embed.FS

// Sizes that a client may ask for or send.
const (
	maxBytes = 1 << 40 // of /bytes, which stores nothing
	maxBody  = 1 << 30 // of /sum
)

// newHandler is all that is served.
func newHandler(o options) (http.Handler, error) {
	files, err := files(o.root)
	if err != nil {
		return nil, err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(files))
	mux.HandleFunc("GET /hello", serveHello)
	mux.HandleFunc("GET /bytes/{size}", serveBytes)
	mux.HandleFunc("POST /sum", serveSum)
	mux.HandleFunc("PUT /sum", serveSum)
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{Registry: registry}))
	if o.pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("POST /debug/pprof/symbol", pprof.Symbol)
	}
	return measured(mux, registry), nil
}

// files are those of a folder, or the page that is part of the program.
func files(root string) (fs.FS, error) {
	if root == "" {
		return fs.Sub(embedded, "page")
	}
	st, err := os.Stat(root)
	if err != nil {
		return nil, fmt.Errorf("--root: %w", err)
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("--root=%s: this is no folder", root)
	}
	return os.DirFS(root), nil
}

// measured counts requests for /metrics.
func measured(next http.Handler, registry *prometheus.Registry) http.Handler {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "web_requests_total", Help: "Requests answered, by status and method.",
	}, []string{"code", "method"})
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "web_request_duration_seconds", Help: "Time from the request's header to the answer's end.",
		Buckets: prometheus.ExponentialBuckets(0.0001, 4, 10), // 0.1 ms to 26 s
	}, nil)
	inFlight := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "web_requests_in_flight", Help: "Requests being answered.",
	})
	registry.MustRegister(requests, seconds, inFlight)
	return promhttp.InstrumentHandlerInFlight(inFlight,
		promhttp.InstrumentHandlerDuration(seconds,
			promhttp.InstrumentHandlerCounter(requests, next)))
}

func serveHello(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, "Hello over "+r.Proto+"\n")
}

func serveBytes(w http.ResponseWriter, r *http.Request) {
	size, err := strconv.ParseInt(r.PathValue("size"), 10, 64)
	if err != nil || size < 0 || size > maxBytes {
		http.Error(w, fmt.Sprintf("the size is a number up to %d", int64(maxBytes)), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", strconv.Quote(strconv.FormatInt(size, 10)))
	http.ServeContent(w, r, "", time.Time{}, &pattern{size: size})
}

func serveSum(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	n, err := io.Copy(hash, http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		status := http.StatusBadRequest
		if n >= maxBody {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, fmt.Sprintf("after %d bytes: %v", n, err), status)
		return
	}
	fmt.Fprintf(w, "%d %x\n", n, hash.Sum(nil))
}
