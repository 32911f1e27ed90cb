package console

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/failover"
)

// at is the moment of the snapshots in these tests.
var at = time.Date(2026, 3, 1, 2, 44, 0, 0, time.UTC)

// changed is an overview of healthy clouds with one change.
func changed(c failover.ChangeStatus) *Overview {
	s := snapshot{status: balancer.Status{At: at, Changes: []failover.ChangeStatus{c}}}
	return s.overview()
}

func TestHeadlineTellsOfChanges(t *testing.T) {
	drill := failover.Change{ID: "weekly", Kind: failover.KindDrill, Cloud: "onprem"}
	shift := failover.Change{ID: "to-gcp", Kind: failover.KindShift, Weights: map[string]uint32{"gcp": 60}}
	report := func(o failover.Outcome) *failover.Report { return &failover.Report{Outcome: o} }
	for name, test := range map[string]struct {
		change failover.ChangeStatus
		want   string // "" if all is well
	}{
		"running drill":       {failover.ChangeStatus{Change: drill, State: failover.ChangeRunning, Progress: 1}, "drill weekly of onprem is running."},
		"running again":       {failover.ChangeStatus{Change: drill, State: failover.ChangeRunning, Report: report(failover.Failed)}, "drill weekly of onprem is running."},
		"aborted drill":       {failover.ChangeStatus{Change: drill, State: failover.ChangeAborted, Since: at.Add(-59 * time.Minute)}, "drill weekly is aborted since 01:45:00."},
		"aborted long ago":    {failover.ChangeStatus{Change: drill, State: failover.ChangeAborted, Since: at.Add(-time.Hour)}, ""},
		"named so":            {failover.ChangeStatus{Change: failover.Change{ID: "drill-gcp", Kind: failover.KindDrill}, State: failover.ChangeRefused, Since: at}, "drill-gcp is refused since 02:44:00."},
		"aborted shift":       {failover.ChangeStatus{Change: shift, State: failover.ChangeAborted, Since: at}, "shift to-gcp is aborted since 02:44:00."},
		"refused":             {failover.ChangeStatus{Change: shift, State: failover.ChangeRefused, Since: at}, "shift to-gcp is refused since 02:44:00."},
		"not proven":          {failover.ChangeStatus{Change: drill, State: failover.ChangeEnded, Since: at, Report: report(failover.Failed)}, "drill weekly is over since 02:44:00: FAILED."},
		"succeeded":           {failover.ChangeStatus{Change: drill, State: failover.ChangeEnded, Since: at, Report: report(failover.Succeeded)}, ""},
		"interrupted":         {failover.ChangeStatus{Change: drill, State: failover.ChangeCancelled, Since: at, Report: report(failover.Interrupted)}, ""},
		"a shift on its way":  {failover.ChangeStatus{Change: shift, State: failover.ChangeRunning, Progress: 0.4}, "shift to-gcp has gone 40 % of its way."},
		"a shift that is old": {failover.ChangeStatus{Change: shift, State: failover.ChangeRunning, Progress: 1}, ""},
		"to come":             {failover.ChangeStatus{Change: drill, State: failover.ChangeScheduled, Begins: at.Add(time.Minute)}, ""},
	} {
		v := changed(test.change)
		if test.want == "" && (v.Level != "good" || !strings.HasPrefix(v.Headline, "All is well")) || test.want != "" && (v.Level != "warning" || v.Headline != test.want) {
			t.Errorf("%s: %s: %q, want %q", name, v.Level, v.Headline, test.want)
		}
	}
}

// What is in force comes first, then what went wrong, what comes next, and the
// past.
func TestOrderOfChanges(t *testing.T) {
	one := func(id string, state failover.ChangeState, since, begins time.Duration) failover.ChangeStatus {
		return failover.ChangeStatus{Change: failover.Change{ID: id, Kind: failover.KindDrain}, State: state, Since: at.Add(since), Begins: at.Add(begins)}
	}
	s := snapshot{status: balancer.Status{At: at, Changes: []failover.ChangeStatus{
		one("old", failover.ChangeEnded, -3*time.Hour, 0), one("later", failover.ChangeScheduled, 0, 2*time.Hour), one("lately", failover.ChangeEnded, -2*time.Hour, 0),
		one("next", failover.ChangeScheduled, -time.Hour, time.Hour), one("failed", failover.ChangeAborted, -time.Minute, 0),
		one("long ago", failover.ChangeAborted, -150*time.Minute, 0), one("now", failover.ChangeRunning, -time.Hour, 0),
	}}}
	var ids []string
	for _, c := range s.changesView(100).Changes {
		ids = append(ids, c.ID)
	}
	if got := strings.Join(ids, ", "); got != "now, failed, next, later, lately, long ago, old" {
		t.Error(got)
	}
	if v := s.overview(); len(v.Changes) != latestChanges || v.ChangesKnown != 7 {
		t.Errorf("%d of %d", len(v.Changes), v.ChangesKnown)
	}
}

// A drill of a router is seen while it runs, and its report afterwards.
func TestDrillIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		defer router.Close()
		h := Handler(router)
		time.Sleep(time.Second)
		now := time.Now()
		drill := failover.Change{ID: "weekly", Kind: failover.KindDrill, Cloud: "gcp", Start: now, End: now.Add(time.Minute)}
		if err := router.Apply(drill); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		var v Overview
		look := func() Change {
			t.Helper()
			w := get(h, "/?format=json")
			v = Overview{}
			if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil || w.Code != http.StatusOK || len(v.Changes) != 1 {
				t.Fatalf("%v: %s", err, w.Body)
			}
			return v.Changes[0]
		}
		if c := look(); c.State != "running" || c.Report != nil || v.Headline != "drill weekly of gcp is running." {
			t.Errorf("%q: %+v", v.Headline, c)
		}
		time.Sleep(time.Minute)
		if c := look(); c.State != "ended" || c.Report == nil || c.Report.Left.IsZero() || c.Report.Outcome == "" {
			t.Errorf("%+v", c)
		}
		for _, want := range []string{"Report of the drill", "T2", "Clouds that stayed", "onprem"} {
			if body := get(h, "/changes").Body.String(); !strings.Contains(body, want) {
				t.Errorf("the page has no %q", want)
			}
		}
	})
}
