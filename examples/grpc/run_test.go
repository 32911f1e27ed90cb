package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The whole script, in memory and in virtual time.
func TestEveryPromiseIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, all, cfg := newMemory(t)
		var b strings.Builder
		began := time.Now()
		kept, err := run(t.Context(), cfg, script(all["onprem"]), m.dial, &b)
		if err != nil {
			t.Fatal(err)
		}
		if !kept {
			t.Error("a promise was broken")
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("took %v", took)
		}
		for _, want := range []string{"killed: SIGKILL to all of onprem\n", "onprem is down (", "onprem is healthy (", "\n✓ 0 critical calls failed; "} {
			if !strings.Contains(b.String(), want) {
				t.Errorf("no %q", want)
			}
		}
		if t.Failed() {
			t.Log(b.String())
		}
	})
}

// With both clouds gone no promise about calls can be kept, and the report says
// which were broken.
func TestBrokenPromisesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, all, cfg := newMemory(t)
		blackout := func() error { return errors.Join(all["onprem"].Kill(), all["gcp"].Kill()) }
		phases := []phase{
			{name: "steady", lasts: 2 * time.Second},
			{name: "dark", lasts: 2 * time.Second, act: blackout},
		}
		var b strings.Builder
		kept, err := run(t.Context(), cfg, phases, m.dial, &b)
		if kept || err != nil {
			t.Errorf("kept: %v, %v", kept, err)
		}
		for _, want := range []string{" critical calls failed; of all tiers ", " streams failed before their first position\n", " streams broke off, ", "in the end onprem has 0.0 %"} {
			if !hasLine(b.String(), "✗", want) {
				t.Errorf("no broken promise %q", want)
			}
		}
		if !strings.Contains(b.String(), "the first failure: ") {
			t.Error("no reason")
		}
		if t.Failed() {
			t.Log(b.String())
		}
	})
}

func hasLine(text, prefix, part string) bool {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) && strings.Contains(line, part) {
			return true
		}
	}
	return false
}

func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, all, cfg := newMemory(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := run(ctx, cfg, script(all["onprem"]), m.dial, &strings.Builder{})
		if err == nil || err.Error() != "interrupted" {
			t.Errorf("got %v", err)
		}
	})
}
