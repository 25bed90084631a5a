// Webclient asks the benchmarks' webserver for what wrk does not measure:
//
//	webclient handshakes HOST DURATION   TLS handshakes per second, none resumed
//	webclient receive HOST DURATION      bytes per second from the server
//	webclient send HOST DURATION         bytes per second to the server
//	webclient hold HOST COUNT            keeps connections until its input ends
//
// Each prints one number when it is done; hold when all connections have had an
// answer.
package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// warmUp is for the connection to find its speed.
const warmUp = 300 * time.Millisecond

// handshakers is how many handshakes are under way at a time.
const handshakers = 8

func main() {
	log.SetFlags(0)
	log.SetPrefix("webclient: ")
	if len(os.Args) != 4 {
		log.Fatal("three arguments are needed")
	}
	what, host, amount := os.Args[1], os.Args[2], os.Args[3]
	if what == "hold" {
		count, err := strconv.Atoi(amount)
		if err == nil {
			err = hold(net.JoinHostPort(host, "80"), count)
		}
		if err != nil {
			log.Fatal(err)
		}
		return
	}
	measure := map[string]func(host string, d time.Duration) (float64, error){
		"handshakes": handshakes, "receive": receive, "send": send,
	}[what]
	d, err := time.ParseDuration(amount)
	if measure == nil || err != nil || d <= 0 {
		log.Fatalf("%q for %q: what is that?", what, amount)
	}
	perSecond, err := measure(host, d)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(perSecond)
}

// handshakes makes a connection, shakes hands, closes it, and again.
func handshakes(host string, d time.Duration) (float64, error) {
	// What the certificate says is not what is measured.
	config := &tls.Config{InsecureSkipVerify: true, SessionTicketsDisabled: true}
	var done atomic.Int64
	var wg sync.WaitGroup
	failed := make(chan error, handshakers)
	begun := time.Now()
	for range handshakers {
		wg.Go(func() {
			for time.Since(begun) < d {
				c, err := tls.Dial("tcp", net.JoinHostPort(host, "443"), config)
				if err != nil {
					failed <- err
					return
				}
				c.Close()
				done.Add(1)
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
		return float64(done.Load()) / time.Since(begun).Seconds(), nil
	}
}

// receive counts what comes after the warm-up.
func receive(host string, d time.Duration) (float64, error) {
	c, err := net.Dial("tcp", net.JoinHostPort(host, "7001"))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	p := make([]byte, 1<<18)
	for begun := time.Now(); time.Since(begun) < warmUp; {
		if _, err := c.Read(p); err != nil {
			return 0, err
		}
	}
	n, begun := 0, time.Now()
	for time.Since(begun) < d {
		got, err := c.Read(p)
		if err != nil {
			return 0, err
		}
		n += got
	}
	return float64(n) / time.Since(begun).Seconds(), nil
}

// send sends for a time, and takes the server's word for how much has arrived.
// The time ends when that does.
func send(host string, d time.Duration) (float64, error) {
	c, err := net.Dial("tcp", net.JoinHostPort(host, "7002"))
	if err != nil {
		return 0, err
	}
	defer c.Close()
	p := make([]byte, 1<<17)
	begun := time.Now()
	for time.Since(begun) < d+warmUp {
		if _, err := c.Write(p); err != nil {
			return 0, err
		}
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		return 0, err
	}
	var n float64
	if _, err := fmt.Fscan(c, &n); err != nil {
		return 0, err
	}
	return n / time.Since(begun).Seconds(), nil
}

// hold opens connections, has a request answered over each, and keeps them until
// the standard input ends.
func hold(address string, count int) error {
	for i := range count {
		c, err := net.Dial("tcp", address)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /hello HTTP/1.1\r\nHost: server\r\n\r\n"); err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		answer, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			return fmt.Errorf("connection %d: %w", i, err)
		}
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			return fmt.Errorf("connection %d: %s, %v", i, answer.Status, err)
		}
	}
	fmt.Println(count)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
