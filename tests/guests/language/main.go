// Language shows maps, generics, reflection, closures, iterators and defer.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

type number interface{ ~int | ~float64 }

func sum[T number](seq iter.Seq[T]) (s T) {
	for v := range seq {
		s += v
	}
	return s
}

type pair[K cmp.Ordered, V any] struct {
	Key   K `tag:"k"`
	Value V
}

func (p pair[K, V]) String() string { return fmt.Sprintf("%v=%v", p.Key, p.Value) }

func bigMap() {
	m := map[int]string{}
	for i := range 50000 {
		m[i*7] = fmt.Sprint(i)
	}
	for i := range 25000 {
		delete(m, i*14)
	}
	fmt.Println("map", len(m), m[7], m[14] == "")
	odd := maps.Collect(func(yield func(string, int) bool) {
		for _, k := range []string{"a", "b", "c"} {
			if !yield(k, len(k)) {
				return
			}
		}
	})
	fmt.Println(slices.Sorted(maps.Keys(odd)), odd)
	nan := map[float64]int{math.NaN(): 1, math.NaN(): 2}
	fmt.Println("NaN keys", len(nan))
	array := map[[2]any]int{{1, "x"}: 7}
	fmt.Println("array key", array[[2]any{1, "x"}])
}

func reflection() {
	p := pair[string, []int]{"k", []int{1, 2}}
	v := reflect.ValueOf(&p).Elem()
	v.Field(1).Set(reflect.Append(v.Field(1), reflect.ValueOf(3)))
	fmt.Println(p, v.Type().Field(0).Tag.Get("tag"))
	out := reflect.ValueOf(strings.Repeat).Call([]reflect.Value{reflect.ValueOf("ab"), reflect.ValueOf(3)})
	fmt.Println(out[0])
	swap := reflect.MakeFunc(reflect.TypeFor[func(int, string) (string, int)](), func(in []reflect.Value) []reflect.Value {
		return []reflect.Value{in[1], in[0]}
	}).Interface().(func(int, string) (string, int))
	fmt.Println(swap(1, "one"))
	fmt.Println(reflect.DeepEqual(map[int][]int{1: {2}}, map[int][]int{1: {2}}))
}

func deferred() (s string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errors.Join(errors.New("recovered"), r.(error))
		}
	}()
	for i := range 3 {
		defer func() { s += fmt.Sprint(i) }()
	}
	panic(fmt.Errorf("wrapped: %w", errors.ErrUnsupported))
}

func main() {
	fmt.Println(sum(slices.Values([]int{1, 2, 3})), sum(slices.Values([]float64{0.5, 0.25})))
	bigMap()
	reflection()
	s, err := deferred()
	fmt.Println(s, errors.Is(err, errors.ErrUnsupported))
	next, stop := iter.Pull(maps.Keys(map[string]bool{"only": true}))
	k, ok := next()
	stop()
	fmt.Println(k, ok)
	fmt.Printf("%.3f %.3f %x\n", math.Sqrt(2), math.Sin(1), math.Float64bits(math.Pi))
}
