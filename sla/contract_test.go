package sla

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"
)

func TestContractOfACall(t *testing.T) {
	contracts := []Contract{{Name: "a", Product: "dispatch", Customer: "acme"}, {Name: "b", Product: "maps", Customer: "acme"}, {Name: "c", Product: "maps", Customer: "acme"}}
	c, err := NewClassifier([]Tier{{Name: "t"}}, nil, "t", LevelKey{}, contracts...)
	if err != nil {
		t.Fatal(err)
	}
	for caller, want := range map[Caller]int{
		{"dispatch", "acme"}: 1, {"maps", "acme"}: 2, {"maps", ""}: 0, {"", "acme"}: 0, {}: 0, {"Maps", "acme"}: 0, {"maps", "acme2"}: 0,
	} {
		if got := c.Classify(WithCaller(context.Background(), caller), "GET", 0, 0).Contract; got != want {
			t.Errorf("%+v: contract %d, want %d", caller, got, want)
		}
	}
	// A tier in the context changes nothing about whose call it is.
	ctx := WithTier(WithCaller(context.Background(), Caller{"maps", "acme"}), "t")
	if got := c.Classify(ctx, "GET", 0, 0); got.Contract != 2 {
		t.Errorf("got %+v", got)
	}
	if got := contracts[0].Objective(); got != (Objective{}) {
		t.Errorf("got %+v", got)
	}
}

// manyContracts has 1,000 contracts and as many rules as make it remember.
func manyContracts(t testing.TB) *Classifier {
	var contracts []Contract
	for i := range 1000 {
		contracts = append(contracts, Contract{Name: fmt.Sprint(i), Product: "dispatch", Customer: fmt.Sprintf("customer-%d", i)})
	}
	var rules []Rule
	for i := range 20 {
		rules = append(rules, Rule{Customer: fmt.Sprintf("partner-%d-*", i), Tier: "t"})
	}
	c, err := NewClassifier([]Tier{{Name: "t"}}, rules, "t", LevelKey{}, contracts...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Finding tier, level and contract allocates nothing, with 1,000 contracts and a
// warm cache of the rules' verdicts.
func TestAllocClassify(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	c := manyContracts(t)
	for _, customer := range []string{"customer-999", "nobody"} {
		ctx := WithCaller(context.Background(), Caller{"dispatch", customer})
		c.Classify(ctx, "GET", 0, 0)
		if n := testing.AllocsPerRun(1000, func() { c.Classify(ctx, "GET", 0, 0) }); n != 0 {
			t.Errorf("%s: %g allocations", customer, n)
		}
	}
}

// A million customers leave no more behind than the cache may hold.
func TestMillionCustomers(t *testing.T) {
	c := manyContracts(t)
	a := NewAccount(time.Unix(0, 0))
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	customers := 1_000_000
	if raceEnabled { // which takes ten times as long
		customers = 50_000
	}
	for i := range customers {
		ctx := WithCaller(context.Background(), Caller{"dispatch", fmt.Sprintf("someone-%d", i)})
		if class := c.Classify(ctx, "GET /v1/route", 0, 0); class.Contract != 0 {
			t.Fatalf("%d: %+v", i, class)
		}
		a.Count(Good, uint64(i))
	}
	after := heap()
	if grown := int64(after) - int64(before); grown > 3<<20 { // 4,096 verdicts with 1 MiB of text
		t.Errorf("%d KiB more than before", grown>>10)
	}
	if len(c.contracts) != 1000 || c.memo.cache.Len() > memoSize {
		t.Errorf("%d contracts, %d verdicts", len(c.contracts), c.memo.cache.Len())
	}
	runtime.KeepAlive(c)
}
