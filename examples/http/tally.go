package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

// tally counts what comes of requests and of the attempts they are made of.
type tally struct {
	mu       sync.Mutex
	out      io.Writer
	every    int                      // requests between two lines of progress
	attempts map[place]map[string]int // by outcome
	answers  map[string]int           // by status, or noAnswer
	took     []time.Duration          // of all requests
	failed   int
	why      error // of the first request without a whole answer
}

// place is an endpoint in a cloud.
type place struct{ cloud, endpoint string }

const noAnswer = "none"

func newTally(out io.Writer, every int) *tally {
	return &tally{out: out, every: every, attempts: make(map[place]map[string]int), answers: make(map[string]int)}
}

// attempted counts an attempt. It is the router's hook.
func (t *tally) attempted(a balancer.Attempt, o health.Outcome, _ time.Duration) {
	at := place{a.Cloud(), a.Endpoint().String()}
	outcome := o.Kind.String()
	if o.Kind != health.OK && o.Reason != "" {
		outcome += " (" + o.Reason + ")"
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.attempts[at] == nil {
		t.attempts[at] = make(map[string]int)
	}
	t.attempts[at][outcome]++
}

// answered counts a request, and says now and then how many there were.
func (t *tally) answered(status int, took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.took = append(t.took, took)
	answer := strconv.Itoa(status)
	if err != nil {
		answer = noAnswer
		if t.why == nil {
			t.why = err
		}
	}
	t.answers[answer]++
	if err != nil || status >= 500 {
		t.failed++
	}
	if n := len(t.took); n%t.every == 0 {
		fmt.Fprintf(t.out, "%d requests, %d failed\n", n, t.failed)
	}
}

// print prints the split, the outcomes and the latency. It returns an error if
// a request failed.
func (t *tally) print(lasted time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := len(t.took)
	fmt.Fprintf(t.out, "\n%d requests in %.1f s, %.0f per second\n\n", n, lasted.Seconds(), float64(n)/lasted.Seconds())

	w := tabwriter.NewWriter(t.out, 0, 0, 3, ' ', 0)
	fmt.Fprint(w, "cloud\tendpoint\tattempts\tshare\toutcomes\n")
	total := 0
	for _, outcomes := range t.attempts {
		total += sum(outcomes)
	}
	byName := func(a, b place) int {
		return cmp.Or(cmp.Compare(a.cloud, b.cloud), cmp.Compare(a.endpoint, b.endpoint))
	}
	for _, at := range slices.SortedFunc(maps.Keys(t.attempts), byName) {
		attempts := sum(t.attempts[at])
		fmt.Fprintf(w, "%s\t%s\t%d\t%.1f %%\t%s\n", at.cloud, at.endpoint, attempts, 100*float64(attempts)/float64(total), list(t.attempts[at]))
	}
	w.Flush()

	fmt.Fprintf(t.out, "\nanswers: %s\n", list(t.answers))
	slices.Sort(t.took)
	fmt.Fprintf(t.out, "latency: p50 %v, p90 %v, p99 %v, longest %v\n", quantile(t.took, 0.5), quantile(t.took, 0.9), quantile(t.took, 0.99), quantile(t.took, 1))
	switch {
	case t.why != nil:
		return fmt.Errorf("%d of %d requests failed; the first without an answer: %w", t.failed, n, t.why)
	case t.failed > 0:
		return fmt.Errorf("%d of %d requests failed", t.failed, n)
	}
	return nil
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// list writes counts as "200 × 997, 404 × 3", sorted by what is counted.
func list(counts map[string]int) string {
	text := ""
	for _, what := range slices.Sorted(maps.Keys(counts)) {
		if text != "" {
			text += ", "
		}
		text += fmt.Sprintf("%s × %d", what, counts[what])
	}
	return text
}

// quantile returns the smallest value that at least the fraction q of the
// sorted values doesn't exceed; 0 if there are none.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1].Round(10 * time.Microsecond)
}
