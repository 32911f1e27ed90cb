package steady

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestRate: so many calls begin as the rate says, evenly, whatever they take. Each
// has a number of its own.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var rate atomic.Int64
		rate.Store(100)
		var mu sync.Mutex
		var numbers []int
		l := Start(func() float64 { return float64(rate.Load()) }, func(n int) {
			mu.Lock()
			numbers = append(numbers, n)
			mu.Unlock()
			time.Sleep(3 * time.Second)
		})
		time.Sleep(interval / 2) // when nothing is under way
		for i, want := range []int64{100, 200, 200, 1200} {
			rate.Store([]int64{100, 100, 0, 1000}[i])
			time.Sleep(time.Second)
			if got := l.Made(); got < want-1 || got > want+1 { // for rounding
				t.Errorf("%d calls after %d s, want %d", got, i+1, want)
			}
		}
		began := time.Now()
		l.Stop()
		l.Stop()
		if took := time.Since(began); took < 2900*time.Millisecond || took > 3*time.Second {
			t.Errorf("stopped after %v, the last call took 3 s", took)
		}
		slices.Sort(numbers)
		for i, n := range numbers {
			if n != i {
				t.Fatalf("the %dth number is %d", i, n)
			}
		}
		if int64(len(numbers)) != l.Made() || l.Stood() != 0 {
			t.Errorf("%d calls of %d, stood still for %v", len(numbers), l.Made(), l.Stood())
		}
	})
}

// TestStandingStill: of a pause of this program only the end is made up for.
func TestStandingStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var standing atomic.Bool
		l := Start(func() float64 {
			if standing.CompareAndSwap(true, false) { // in the goroutine that begins the calls
				time.Sleep(2 * time.Second)
			}
			return 1000
		}, func(int) {})
		time.Sleep(time.Second)
		standing.Store(true)
		time.Sleep(3 * time.Second)
		l.Stop()
		if lost := l.Stood(); lost < 1895*time.Millisecond || lost > 1905*time.Millisecond {
			t.Errorf("stood still for %v, and 100 ms are made up for", lost)
		}
		if n := l.Made(); n < 2090 || n > 2110 {
			t.Errorf("%d calls in 2 s and 100 ms", n)
		}
	})
}

// TestBound: when no call ends no more begin.
func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		l := Start(PerSecond(10_000), func(int) { <-release })
		time.Sleep(10 * time.Second)
		if n := l.Made(); n != mostAtOnce {
			t.Errorf("%d calls at once", n)
		}
		l.cancel() // while it waits for one to end
		synctest.Wait()
		close(release)
		l.Stop()
		if n := l.Made(); n != mostAtOnce {
			t.Errorf("%d calls after the end", n)
		}
	})
}
