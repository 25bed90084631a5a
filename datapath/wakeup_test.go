package datapath

import "testing"

// The wake-up protocol of abi.UMEMHeader as a model, explored whole: a producer
// that publishes a few entries and a consumer that takes them and sleeps when it
// finds none, on a machine with store buffers (x86-TSO: a store becomes visible
// some time later, in order; a barrier waits for it). The model must end with
// all entries taken, in every interleaving.

// modelEntries is how many entries the producer publishes.
const modelEntries = 3

// Words of shared memory.
const (
	wordIndex = iota // the producer's index
	wordSleeps
	words
)

// store is a write that is not visible yet.
type store struct{ word, value int }

// state is one of the model; both threads are given by what they do next.
type state struct {
	memory          [words]int
	producer, taken int // program counter, entries taken
	published       int
	consumer        int
	seen            int
	kicks           int // of the eventfd: 0 or 1
	buffer          [2][2]store
	buffered        [2]int
}

const (
	producing, consuming = 0, 1

	// Steps of the producer.
	publish, publishBarrier, look, claim, kick, producerDone = 0, 1, 2, 3, 4, 5
	// Steps of the consumer.
	take, announce, announceBarrier, lookAgain, wait, awake, consumerDone = 0, 1, 2, 3, 4, 5, 6
)

func (s *state) load(thread, word int) int {
	for i := s.buffered[thread] - 1; i >= 0; i-- {
		if s.buffer[thread][i].word == word {
			return s.buffer[thread][i].value
		}
	}
	return s.memory[word]
}

// write puts a store into the buffer; false if that is full.
func (s *state) write(thread, word, value int) bool {
	n := s.buffered[thread]
	if n == len(s.buffer[thread]) {
		return false
	}
	s.buffer[thread][n] = store{word, value}
	s.buffered[thread]++
	return true
}

// drain makes a thread's oldest store visible.
func (s *state) drain(thread int) {
	w := s.buffer[thread][0]
	s.memory[w.word] = w.value
	s.buffer[thread][0], s.buffer[thread][1] = s.buffer[thread][1], store{}
	s.buffered[thread]--
}

// next lists the states that can follow. barriers is false for the protocol
// without its barriers.
func (s state) next(barriers bool) (all []state) {
	add := func(n state) { all = append(all, n) }
	for thread := range 2 {
		if s.buffered[thread] > 0 {
			n := s
			n.drain(thread)
			add(n)
		}
	}
	n := s
	switch s.producer {
	case publish:
		if n.write(producing, wordIndex, s.published+1) {
			n.published++
			n.producer = publishBarrier
			add(n)
		}
	case publishBarrier:
		if s.buffered[producing] == 0 || !barriers {
			n.producer = look
			add(n)
		}
	case look:
		n.producer = claim
		if s.load(producing, wordSleeps) == 0 {
			n.producer = publish
			if s.published == modelEntries {
				n.producer = producerDone
			}
		}
		add(n)
	case claim: // an atomic exchange
		if s.buffered[producing] == 0 {
			n.producer = publish
			if s.published == modelEntries {
				n.producer = producerDone
			}
			if s.memory[wordSleeps] != 0 {
				n.memory[wordSleeps] = 0
				n.producer = kick
			}
			add(n)
		}
	case kick:
		n.kicks = 1
		n.producer = publish
		if s.published == modelEntries {
			n.producer = producerDone
		}
		add(n)
	}
	n = s
	switch s.consumer {
	case take:
		n.taken = s.load(consuming, wordIndex)
		n.consumer = announce
		if n.taken == modelEntries {
			n.consumer = consumerDone
		}
		add(n)
	case announce:
		if n.write(consuming, wordSleeps, 1) {
			n.consumer = announceBarrier
			add(n)
		}
	case announceBarrier:
		if s.buffered[consuming] == 0 || !barriers {
			n.consumer = lookAgain
			add(n)
		}
	case lookAgain:
		n.consumer = wait
		if s.load(consuming, wordIndex) != s.taken {
			n.consumer = awake
		}
		add(n)
	case wait:
		if s.kicks > 0 {
			n.kicks = 0
			n.consumer = awake
			add(n)
		}
	case awake:
		if n.write(consuming, wordSleeps, 0) {
			n.consumer = take
			add(n)
		}
	}
	return all
}

// explore visits all states that can follow from a start and returns one that has no
// successor and is not the end, if there is one.
func explore[S comparable](start S, next func(S) []S, end func(S) bool) (stuck *S, visited int) {
	seen := map[S]bool{start: true}
	for todo := []S{start}; len(todo) > 0; {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		following := next(s)
		if len(following) == 0 && !end(s) {
			return &s, len(seen)
		}
		for _, n := range following {
			if !seen[n] {
				seen[n] = true
				todo = append(todo, n)
			}
		}
	}
	return nil, len(seen)
}

// exploreWakeups is explore for the model.
func exploreWakeups(barriers bool) (stuck *state, visited int) {
	return explore(state{}, func(s state) []state { return s.next(barriers) }, func(s state) bool { return s.consumer == consumerDone })
}

func TestWakeupModel(t *testing.T) {
	stuck, visited := exploreWakeups(true)
	if stuck != nil {
		t.Errorf("the consumer sleeps for ever: %+v", *stuck)
	}
	if visited < 500 {
		t.Errorf("only %d states: the model does not move", visited)
	}
	if stuck, _ := exploreWakeups(false); stuck == nil {
		t.Error("without barriers no wake-up is lost: the model cannot see it")
	}
}
