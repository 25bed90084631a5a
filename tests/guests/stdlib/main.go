// Stdlib uses what of the standard library needs no operating system.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"math/rand"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

type record struct {
	Name   string            `json:"name"`
	Values []float64         `json:"values,omitempty"`
	More   map[string]any    `json:"more,omitempty"`
	Labels map[string]string `json:"-"`
}

func check(what string, ok bool) {
	if !ok {
		log.Fatal(what)
	}
	fmt.Println(what)
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}

func main() {
	in := record{"x", []float64{1, 2.5}, map[string]any{"k": []any{"v", nil, true}}, nil}
	var out record
	text := must(json.Marshal(in))
	check("json", json.Unmarshal(text, &out) == nil && bytes.Equal(text, must(json.Marshal(out))))

	re := regexp.MustCompile(`(\w+)@(\w+)\.com`)
	check("regexp", re.ReplaceAllString("bob@example.com", "$2:$1") == "example:bob")

	plain := []byte(strings.Repeat("compress me, please. ", 10000))
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	must(zip.Write(plain))
	must(0, zip.Close())
	same := must(io.ReadAll(must(gzip.NewReader(&packed))))
	check("compress", sha256.Sum256(plain) == sha256.Sum256(same))

	// 2^521-1 is prime (Mersenne).
	p := new(big.Int).Lsh(big.NewInt(1), 521)
	p.Sub(p, big.NewInt(1))
	check("big", p.ProbablyPrime(10) && new(big.Int).Exp(big.NewInt(3), new(big.Int).Sub(p, big.NewInt(1)), p).Cmp(big.NewInt(1)) == 0)

	var page strings.Builder
	must(0, template.Must(template.New("t").Parse(`{{range $i, $v := .}}{{$i}}={{printf "%03d" $v}} {{end}}`)).Execute(&page, []int{1, 2}))
	check("template", page.String() == "0=001 1=002 ")

	numbers := rand.New(rand.NewSource(1)).Perm(100000)
	slices.Sort(numbers)
	check("sort", slices.IsSorted(numbers) && numbers[99999] == 99999)

	check("text", strings.EqualFold("ÄÖÜ", "äöü") && len([]rune("ÄÖÜ")) == 3)

	var stream bytes.Buffer
	must(0, gob.NewEncoder(&stream).Encode(in.Values))
	var values []float64
	check("gob", gob.NewDecoder(&stream).Decode(&values) == nil && slices.Equal(values, in.Values))
	fmt.Println("ok")
}
