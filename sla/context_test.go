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
