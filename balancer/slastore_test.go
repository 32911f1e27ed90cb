package balancer

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
	"github.com/fairlead-go/fairlead/internal/virtual"
	"github.com/fairlead-go/fairlead/sla"
)

// memory is a store that fails on demand.
type memory struct {
	mu               sync.Mutex
	saved            sla.Snapshot
	saves            int
	loadErr, saveErr error
}

func (m *memory) Load(context.Context) (sla.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.loadErr != nil {
		return sla.Snapshot{}, m.loadErr
	}
	return m.saved, nil
}

func (m *memory) Save(_ context.Context, s sla.Snapshot) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.saveErr != nil {
		return m.saveErr
	}
	m.saved = s
	m.saves++
	return nil
}

func (m *memory) fail(load, save error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.loadErr, m.saveErr = load, save
}

// good makes n good calls for acme.
func good(t *testing.T, w *world, r *Router, n int) {
	t.Helper()
	for range n {
		if _, err := w.call(acme, r, Call{Service: "api"}); err != nil {
			t.Fatal(err)
		}
	}
}

// What was counted survives a restart, in a file.
func TestCountsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		file := sla.File(filepath.Join(t.TempDir(), "sla"))
		for i := range 4 {
			r := w.router(t, promising(), WithSLAStore(file))
			good(t, w, r, 10)
			time.Sleep(time.Minute) // the hour is not over
			if got := r.Report().Contracts[1]; got.Name != "other" && got.Good != uint64(10*(i+1)) {
				t.Errorf("start %d: %+v", i, got)
			}
			if tiers := r.Report().Tiers; tiers[len(tiers)-1].Good+tiers[0].Good != uint64(10*(i+1)) {
				t.Errorf("start %d: %+v", i, tiers)
			}
			if calls := r.Status().Services[0].Tiers[1].Calls; calls.Good != 10 {
				t.Errorf("start %d: %+v in this process", i, calls)
			}
			r.Close()
		}
	})
}

// They are saved every 10 s, so that a crash loses no more.
func TestCountsAreSavedEveryTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, store := newWorld(), &memory{}
		r := w.router(t, promising(), WithSLAStore(store))
		good(t, w, r, 3)
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		merged := sla.Merge(store.saved)
		if report := merged.Report(); store.saves != 1 || len(report.Contracts) != 2 || report.Contracts[0].Good+report.Contracts[1].Good != 3 {
			t.Errorf("%d saves: %+v", store.saves, report)
		}
		if status := r.Status().SLAStore; !status.Loaded || status.LoadErr != "" || status.SaveErr != "" || time.Since(status.Saved) > time.Second {
			t.Errorf("%+v", status)
		}
		good(t, w, r, 3)
		r.Close()
		if report := store.saved.Report(); store.saves != 2 || report.Contracts[0].Good+report.Contracts[1].Good != 6 {
			t.Errorf("closing saved %d times: %+v", store.saves, report)
		}
		if got, want := r.Report(), store.saved.Report(); got.Contracts[0].Counts != want.Contracts[0].Counts || got.Compliance != want.Compliance {
			t.Errorf("the router reports\n%+v\nof its snapshot\n%+v", got, want)
		}
	})
}

// A store that can't be read for a while loses nothing: nothing is saved over it,
// and what it has is added as soon as it can be read.
func TestStoreThatComesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, store := newWorld(), &memory{}
		r := w.router(t, promising(), WithSLAStore(store))
		good(t, w, r, 5)
		r.Close()

		store.fail(errors.New("no route to the store"), nil)
		var log bytes.Buffer
		r = w.router(t, promising(), WithSLAStore(store), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
		good(t, w, r, 2)
		time.Sleep(time.Minute)
		synctest.Wait()
		status := r.Status().SLAStore
		if store.saves != 1 || status.Loaded || status.LoadErr != "no route to the store" {
			t.Errorf("%d saves, %+v", store.saves, status)
		}
		if n := strings.Count(log.String(), "no route to the store"); n != 1 {
			t.Errorf("logged %d times: %s", n, log.String())
		}
		store.fail(nil, nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if _, contract := report(r); contract.Good != 7 || !r.Status().SLAStore.Loaded || store.saves != 2 {
			t.Errorf("%+v, %+v", contract, r.Status().SLAStore)
		}
		store.fail(nil, errors.New("disk full"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if status := r.Status().SLAStore; status.SaveErr != "disk full" || !strings.Contains(log.String(), "disk full") {
			t.Errorf("%+v", status)
		}
		good(t, w, r, 1) // and all goes on
	})
}

// report returns what the report says of the standard tier and of acme.
func report(r *Router) (tier, contract sla.Counts) {
	report := r.Report()
	for _, of := range report.Tiers {
		if of.Tier == "standard" {
			tier = of.Counts
		}
	}
	for _, c := range report.Contracts {
		if c.Name == "acme" {
			contract = c.Counts
		}
	}
	return tier, contract
}

// A corrupt store is told and begun anew.
func TestCorruptStore(t *testing.T) {
	for name, broken := range map[string]*memory{
		"by its own word": {loadErr: errors.Join(sla.ErrCorrupt, errors.New("bit rot"))},
		"by its content":  {saved: sla.Snapshot{At: time.Unix(1, 0), Contracts: []sla.ContractRecord{{Name: "acme", Objective: sla.Objective{Target: 7}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				var log bytes.Buffer
				r := w.router(t, promising(), WithSLAStore(broken), WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
				status := r.Status().SLAStore
				if !status.Loaded || status.LoadErr == "" || !strings.Contains(log.String(), "could not be loaded") {
					t.Errorf("%+v\n%s", status, log.String())
				}
				good(t, w, r, 1)
				r.Close()
				broken.fail(nil, nil)
				if broken.saves != 1 || broken.saved.Validate() != nil || len(broken.saved.Contracts) != 2 {
					t.Errorf("%+v", broken.saved)
				}
				if status := r.Status().SLAStore; status.LoadErr == "" || status.Saved.IsZero() {
					t.Errorf("%+v", status)
				}
			})
		})
	}
}

// What the config no longer has is left out.
func TestRestoreOfWhatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, store := newWorld(), &memory{}
		r := w.router(t, promising(), WithSLAStore(store))
		good(t, w, r, 5)
		r.Close()
		next := promising()
		next.Contracts, next.Tiers[1].Name, next.Default = next.Contracts[:1], "renamed", "renamed"
		r = w.router(t, next, WithSLAStore(store))
		r.Close()
		want := []string{"other"}
		var got []string
		for _, c := range store.saved.Contracts {
			got = append(got, c.Name)
		}
		if !reflect.DeepEqual(got, want) || len(store.saved.Tiers) != 2 {
			t.Errorf("%+v", store.saved)
		}
	})
}

// A simulated router has no goroutine: it loads at New and saves when it is
// closed.
func TestSimulatedRouterKeepsCounts(t *testing.T) {
	store := &memory{}
	now := time.Duration(0)
	for i := range 2 {
		machine := &virtual.Machine{
			Now: func() time.Duration { return now }, Rand: func() uint64 { return 0 },
			Probe: func(virtual.Probe, func(health.Outcome)) {},
		}
		r, err := New(promising(), Simulated(machine), WithSLAStore(store))
		if err != nil {
			t.Fatal(err)
		}
		r.Count(acme, Call{Service: "api"}, 0, health.Outcome{Kind: health.OK}, nil)
		now += time.Second
		machine.Step()
		r.Close()
		r.Close()
		if got := store.saved.Report(); store.saves != i+1 || got.Contracts[0].Good+got.Contracts[1].Good != uint64(i+1) || got.At.Year() != 2000 {
			t.Errorf("%d saves, %+v", store.saves, got)
		}
	}
}
