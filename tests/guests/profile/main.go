// Profile uses what watches a program: profiles, traces, metrics.
package main

import (
	"bytes"
	"fmt"
	"log"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"runtime/pprof"
	"runtime/trace"
	"time"
)

func fibonacci(n int) int {
	if n < 2 {
		return n
	}
	return fibonacci(n-1) + fibonacci(n-2)
}

func must(what string, err error) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func main() {
	var out bytes.Buffer
	must("CPU profile", pprof.StartCPUProfile(&out))
	fibonacci(27)
	pprof.StopCPUProfile()

	must("trace", trace.Start(&out))
	for range 3 {
		go fibonacci(10)
		time.Sleep(time.Millisecond)
	}
	trace.Stop()

	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	for _, p := range pprof.Profiles() {
		out.Reset()
		must(p.Name(), p.WriteTo(&out, 1))
		if out.Len() == 0 {
			log.Fatalf("%s: empty", p.Name())
		}
	}
	samples := make([]metrics.Sample, 0)
	for _, d := range metrics.All() {
		samples = append(samples, metrics.Sample{Name: d.Name})
	}
	metrics.Read(samples)
	if info, ok := debug.ReadBuildInfo(); !ok || info.GoVersion == "" {
		log.Fatal("no build information")
	}
	if pc, file, line, ok := runtime.Caller(0); !ok || line == 0 || runtime.FuncForPC(pc).Name() != "main.main" {
		log.Fatalf("caller: %s:%d", file, line)
	}
	fmt.Println("ok")
}
