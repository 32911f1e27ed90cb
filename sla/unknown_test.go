package sla

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestUnknownIsSortedAndBounded(t *testing.T) {
	var u unknown
	if got := u.list(); got != nil {
		t.Errorf("at first: %q", got)
	}
	for _, name := range []string{"gold", "silver", "bronze", "gold"} {
		u.add(name)
	}
	if got, want := u.list(), []string{"bronze", "gold", "silver"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	u.list()[0] = "changed"
	if got := u.list()[0]; got != "bronze" {
		t.Errorf("the list is shared with callers: %q", got)
	}

	long := strings.Repeat("x", 1000)
	u.add(long)
	u.add(long[:unknownLength])
	if got := u.list(); len(got) != 4 || got[3] != long[:unknownLength] {
		t.Errorf("a long name is kept as %q", got)
	}

	for i := range 1000 {
		u.add(fmt.Sprint(i))
	}
	if got := u.list(); len(got) != unknownNames || !slices.IsSorted(got) {
		t.Errorf("%d names: %q", len(got), got)
	}
}

func TestUnknownLosesNoneToARace(t *testing.T) {
	var u unknown
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 8 {
				u.add(fmt.Sprint(g, " ", i))
				u.list()
			}
		})
	}
	wg.Wait()
	if got := u.list(); len(got) != 64 {
		t.Errorf("%d names, want 64: %q", len(got), got)
	}
}
