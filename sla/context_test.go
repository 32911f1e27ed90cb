package sla

import (
	"context"
	"testing"
)

func TestContext(t *testing.T) {
	background := context.Background()
	acme := Caller{Product: "dispatch", Customer: "acme"}
	for _, test := range []struct {
		name   string
		ctx    context.Context
		tier   string
		caller Caller
	}{
		{"nothing", background, "", Caller{}},
		{"tier", WithTier(background, "critical"), "critical", Caller{}},
		{"caller", WithCaller(background, acme), "", acme},
		{"tier, then caller", WithCaller(WithTier(background, "critical"), acme), "critical", acme},
		{"caller, then tier", WithTier(WithCaller(background, acme), "critical"), "critical", acme},
		{"the last tier counts", WithTier(WithTier(background, "critical"), "batch"), "batch", Caller{}},
		{"tier taken back", WithTier(WithCaller(WithTier(background, "critical"), acme), ""), "", acme},
		{"caller taken back", WithCaller(WithTier(WithCaller(background, acme), "batch"), Caller{}), "batch", Caller{}},
		{"only a product", WithCaller(background, Caller{Product: "dispatch"}), "", Caller{Product: "dispatch"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			tier, ok := TierFrom(test.ctx)
			if tier != test.tier || ok != (test.tier != "") {
				t.Errorf("TierFrom: %q, %v, want %q", tier, ok, test.tier)
			}
			caller, ok := CallerFrom(test.ctx)
			if caller != test.caller || ok != (test.caller != Caller{}) {
				t.Errorf("CallerFrom: %+v, %v, want %+v", caller, ok, test.caller)
			}
		})
	}
}

func TestContextOfParentStaysAsItWas(t *testing.T) {
	parent := WithTier(context.Background(), "critical")
	WithTier(parent, "batch")
	WithCaller(parent, Caller{Customer: "acme"})
	if tier, _ := TierFrom(parent); tier != "critical" {
		t.Errorf("the parent's tier is now %q", tier)
	}
	if caller, ok := CallerFrom(parent); ok {
		t.Errorf("the parent's caller is now %+v", caller)
	}
}

func TestLevelInContext(t *testing.T) {
	background := context.Background()
	for _, test := range []struct {
		name  string
		ctx   context.Context
		level uint8
		ok    bool
	}{
		{"nothing", background, 0, false},
		{"only a tier", WithTier(background, "critical"), 0, false},
		{"lowest", WithLevel(background, 0), 0, true},
		{"highest", WithLevel(background, 127), 127, true},
		{"above the highest", WithLevel(background, 128), 127, true},
		{"the last counts", WithLevel(WithLevel(background, 3), 4), 4, true},
		{"tier and caller leave it", WithCaller(WithTier(WithLevel(background, 3), "batch"), Caller{Customer: "acme"}), 3, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if level, ok := LevelFrom(test.ctx); level != test.level || ok != test.ok {
				t.Errorf("%d, %v, want %d, %v", level, ok, test.level, test.ok)
			}
		})
	}
	ctx := WithLevel(WithTier(WithCaller(background, Caller{Customer: "acme"}), "batch"), 9)
	tier, _ := TierFrom(ctx)
	if caller, _ := CallerFrom(ctx); tier != "batch" || caller.Customer != "acme" {
		t.Errorf("a level took tier and caller away: %q, %+v", tier, caller)
	}
}
