package health

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSilenceLimit(t *testing.T) {
	for p90, want := range map[time.Duration]time.Duration{
		0:                     time.Second,
		time.Millisecond:      100 * time.Millisecond,
		25 * time.Millisecond: 100 * time.Millisecond,
		50 * time.Millisecond: 200 * time.Millisecond,
	} {
		if got := silenceLimit(p90); got != want {
			t.Errorf("silenceLimit(%v) = %v, want %v", p90, got, want)
		}
	}
}

// Whatever happens, silence begins only when three attempts that began after
// the last answer are as old as the limit, and it ends with an answer.
func TestSilenceIsNeverEarly(t *testing.T) {
	const limit = 100 * time.Millisecond
	rapid.Check(t, func(t *rapid.T) {
		var s silence
		var seen traffic
		var waiting []time.Duration // when the attempts began that count
		was, answered := false, false
		for now := time.Duration(0); now < 3*time.Second; now += sweepInterval {
			answered = false
			// Between two sweeps a few things happen, 10 ms apart.
			for at := now - sweepInterval + 10*time.Millisecond; at < now; at += 10 * time.Millisecond {
				switch event := rapid.IntRange(0, 19).Draw(t, "event"); {
				case event < 8:
					seen.begun++
					waiting = append(waiting, at)
				case event < 12:
					// The youngest is withdrawn while that is possible.
					if n := len(waiting); n > 0 && at-waiting[n-1] < limit {
						seen.withdrawn++
						waiting = waiting[:n-1]
					}
				case event < 13:
					seen.answers++
					waiting, answered = nil, true
				}
			}
			silent := s.step(now, seen, limit, true)
			old := 0
			for _, began := range waiting {
				if now-began >= limit {
					old++
				}
			}
			if silent && !was && old < waitingAttempts {
				t.Fatalf("silent at %v with %d old attempts", now, old)
			}
			if silent == answered && (was || silent) {
				t.Fatalf("silent %v at %v, answered %v", silent, now, answered)
			}
			was = silent
		}
	})
}

func TestSilence(t *testing.T) {
	const limit = 100 * time.Millisecond
	var s silence
	at := func(ms int, t traffic) bool { return s.step(time.Duration(ms)*time.Millisecond, t, limit, true) }
	check := func(what string, got, want bool) {
		t.Helper()
		if got != want {
			t.Errorf("%s: silent %v, want %v", what, got, want)
		}
	}
	check("an answer", at(0, traffic{begun: 10, answers: 8}), false)
	check("two waiting", at(1000, traffic{begun: 12, answers: 8}), false)
	check("three waiting", at(1050, traffic{begun: 13, answers: 8}), false)
	check("not long enough", at(1100, traffic{begun: 20, answers: 8}), false)
	check("long enough", at(1150, traffic{begun: 20, answers: 8}), true)
	check("withdrawn later", at(1200, traffic{begun: 20, withdrawn: 7, answers: 8}), true)
	check("a late answer", at(1250, traffic{begun: 20, withdrawn: 7, answers: 9}), false)
	check("three more", at(1300, traffic{begun: 23, withdrawn: 7, answers: 9}), false)
	check("one withdrawn", at(1350, traffic{begun: 23, withdrawn: 8, answers: 9}), false)
	check("two are not enough", at(2000, traffic{begun: 23, withdrawn: 8, answers: 9}), false)
	s.restart(traffic{begun: 23, withdrawn: 8, answers: 9})
	check("all at one endpoint", s.step(2100*time.Millisecond, traffic{begun: 30, withdrawn: 8, answers: 9}, limit, false), false)
	check("for long", s.step(3100*time.Millisecond, traffic{begun: 40, withdrawn: 8, answers: 9}, limit, false), false)
}
