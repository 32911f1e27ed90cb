package balancer

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// A hook that takes its time doesn't hold up what matters.
func TestSlowHookDoesNotStopFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		release := make(chan struct{})
		r := w.router(t, testConfig(), WithTrace(Trace{ConfigChanged: func(error) { <-release }}))
		defer close(release)
		w.load(r, "critical", 200, 5*time.Millisecond)
		w.set("a", refuses)
		if errs := w.load(r, "critical", 200, 5*time.Millisecond); len(errs) > 0 {
			t.Errorf("%d calls failed, such as %v", len(errs), errs[0])
		}
		if got := state(r, "a"); got.State != health.Down {
			t.Errorf("%v", got)
		}
	})
}

func TestNotesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		release := make(chan struct{})
		told := 0
		r := newWorld().router(t, testConfig(), WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
			WithTrace(Trace{ConfigChanged: func(error) { told++; <-release }}))
		synctest.Wait() // the hook is busy with the first config
		for range mostNotes + 7 {
			if err := r.Update(testConfig()); err != nil {
				t.Fatal(err)
			}
		}
		close(release)
		synctest.Wait()
		r.Close()
		if told != 1+mostNotes || !strings.Contains(log.String(), "changes=7") {
			t.Errorf("told of %d configs; %s", told, log.String())
		}
		// Nothing is kept for nobody.
		r.Update(testConfig())
		if len(r.pending) > 0 {
			t.Errorf("%d notes after Close", len(r.pending))
		}
	})
}

func TestUnknownTiersAreLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		w := newWorld()
		r := w.router(t, testConfig(), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		w.load(r, "gold", 50, 5*time.Millisecond)
		r.Close()
		if n := strings.Count(log.String(), "tiers=[gold]"); n != 1 {
			t.Errorf("logged %d times: %s", n, log.String())
		}
	})
}

// lockedBuffer is a buffer for a log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
