package main

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// outage is a run of 2 s, of which onprem is lost in the second.
func outage(out *strings.Builder) *journal {
	j := newJournal(out)
	j.begin(phase{name: "steady", says: "all is well"})
	for i := range 10 {
		cloud := "onprem"
		if i >= 7 {
			cloud = "gcp"
		}
		j.called(critical, cloud, 5*time.Millisecond, nil)
	}
	time.Sleep(time.Second)
	j.begin(phase{name: "killed", says: "onprem is lost", lost: "onprem"})
	j.note(func(r *record) { r.down, r.last, r.attempts = new(80*time.Millisecond), 1100*time.Millisecond, 14 })
	j.called("batch", "", 2*time.Second, status.Error(codes.Unavailable, "lost"))
	j.streamed(stream{cloud: "onprem", positions: 3, silence: 50 * time.Millisecond, err: errors.New("broken off")})
	j.streamed(stream{cloud: "gcp", continues: "onprem", positions: 20, silence: 110 * time.Millisecond})
	j.streamed(stream{cloud: "gcp", positions: 20, wrong: 1})
	time.Sleep(time.Second)
	j.end()
	return j
}

func TestReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		if outage(&b).print() {
			t.Error("all promises are said to be kept")
		}
		for _, line := range []string{
			"   1.0 s  killed: onprem is lost",
			"phase          lasted  calls      number  failed   longest      gcp   onprem",
			"steady          1.0 s  critical       10       0      5 ms   30.0 %   70.0 %",
			"                       standard        0       0      0 ms    0.0 %    0.0 %",
			"killed          1.0 s  critical        0       0      0 ms    0.0 %    0.0 %",
			"                       batch           1       1   2000 ms    0.0 %    0.0 %",
			"                       streams         3       0    110 ms   66.7 %   33.3 %",
			"✓ 0 critical calls failed; of all tiers 1 of 11",
			"✓ 0 of 3 streams failed before their first position",
			"✓ 1 streams broke off, 1 of them went on in another cloud",
			"✗ 1 positions were missing or came twice",
			"✓ no vehicle was silent for more than 110 ms, at most 1,000",
			"✓ onprem killed: known to be down after 80 ms, at most 1,000",
			"✗ onprem killed: the last attempt there after 1100 ms, at most 1,000",
			"✓ 1.000 attempts per call, at most 1.1",
			"✗ in the end onprem has 0.0 % of 1 calls, as configured: 70 % ± 6 points",
			"the first failure: rpc error: code = Unavailable desc = lost",
		} {
			if !strings.Contains(b.String(), line+"\n") {
				t.Errorf("no line %q in\n%s", line, &b)
			}
		}
	})
}

func TestKnownInTime(t *testing.T) {
	for _, test := range []struct {
		after *time.Duration
		want  verdict
	}{
		{nil, verdict{false, "onprem killed: never known to be down"}},
		{new(time.Duration(0)), verdict{true, "onprem killed: known to be down after 0 ms, at most 1,000"}},
		{new(time.Second), verdict{true, "onprem killed: known to be down after 1000 ms, at most 1,000"}},
		{new(1001 * time.Millisecond), verdict{false, "onprem killed: known to be down after 1001 ms, at most 1,000"}},
	} {
		if got := knownInTime("onprem killed", test.after); got != test.want {
			t.Errorf("got %+v, want %+v", got, test.want)
		}
	}
}

func TestFaultThatNobodyNoticed(t *testing.T) {
	j := newJournal(&strings.Builder{})
	j.begin(phase{name: "killed", lost: "onprem"})
	j.end()
	if !slices.Contains(j.verdicts(), verdict{false, "onprem killed: never known to be down"}) {
		t.Errorf("got %+v", j.verdicts())
	}
}
