//go:build unix

package console

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// processorTime is what the process has had of all processors.
func processorTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// A hundred viewers take less than 5 % of one core from the calls: in 10 s of
// virtual time the process may take 500 ms of processor time. Waiting costs
// nothing there, so what is measured is all that viewers cost but for the kernel's
// part in writing, which BenchmarkViewers has.
func TestViewersAreCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		h := Handler(router)
		cost := func(viewers int) time.Duration {
			var all []*reader
			for range viewers {
				all = append(all, watch(h, "/live?view=overview"))
			}
			time.Sleep(tick / 2)
			before := processorTime()
			time.Sleep(10 * time.Second)
			took := processorTime() - before
			for _, v := range all {
				if n := len(v.all()); n != 11 {
					t.Fatalf("%d messages", n)
				}
				v.leave()
			}
			return took
		}
		none := cost(0) // the controller's
		some := cost(100)
		t.Logf("10 s took %v of processor time without viewers, %v with 100", none, some)
		if extra := some - none; extra > 500*time.Millisecond {
			t.Errorf("100 viewers took %v of 10 s", extra)
		}
		router.Close()
	})
}
