package sla

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const levels = 128

func testKey(t testing.TB, secret string) LevelKey {
	t.Helper()
	k, err := ParseLevelKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// wantUniform fails if the counts are not those of a uniform distribution:
// χ² with 127 degrees of freedom exceeds 219 with a probability of 1e-6.
func wantUniform(t *testing.T, what string, counts *[levels]int) {
	t.Helper()
	total := 0
	for _, n := range counts {
		total += n
	}
	expected := float64(total) / levels
	chi2 := 0.0
	for _, n := range counts {
		chi2 += (float64(n) - expected) * (float64(n) - expected) / expected
	}
	if chi2 > 219 {
		t.Errorf("%s: χ² is %.0f for %d levels, want at most 219", what, chi2, total)
	}
}

func TestLevelsAreUniform(t *testing.T) {
	k := testKey(t, "secret")
	const day = 20_000
	// Names as alike as they get.
	var ofCustomers, ofDays [levels]int
	for i := range 100_000 {
		ofCustomers[Level(k, fmt.Sprint("customer-", i), day)]++
		ofDays[Level(k, "acme", Day(i))]++
	}
	wantUniform(t, "customers of a day", &ofCustomers)
	wantUniform(t, "days of a customer", &ofDays)
}

func TestLevelRotatesDaily(t *testing.T) {
	k := testKey(t, "secret")
	morning := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	today, tomorrow := DayOf(morning), DayOf(morning.Add(24*time.Hour))
	const customers = 10_000
	var differ int
	var moved [levels]int // by how much, cyclically
	for i := range customers {
		customer := fmt.Sprint("customer-", i)
		level := Level(k, customer, today)
		if again := Level(k, customer, DayOf(morning.Add(24*time.Hour-1))); again != level {
			t.Fatalf("level of %s on one day: %d, then %d", customer, level, again)
		}
		next := Level(k, customer, tomorrow)
		if next != level {
			differ++
		}
		moved[(next-level)%levels]++
	}
	// All but 1 of 128 differ, give or take 5 σ.
	if differ < customers*127/128-45 {
		t.Errorf("only %d of %d customers have another level the next day", differ, customers)
	}
	// Tomorrow's level does not follow from today's.
	wantUniform(t, "steps from day to day", &moved)
}

// Whoever has another key learns nothing about the levels.
func TestLevelDependsOnKey(t *testing.T) {
	k, other := testKey(t, "secret"), testKey(t, "secret2")
	var moved [levels]int
	for i := range 10_000 {
		customer := fmt.Sprint("customer-", i)
		moved[(Level(k, customer, 1)-Level(other, customer, 1))%levels]++
	}
	wantUniform(t, "differences between keys", &moved)
}

// Processes of different versions must agree: this is what the levels are.
func TestLevelIsStable(t *testing.T) {
	k := testKey(t, "correct horse battery staple")
	for _, test := range []struct {
		customer string
		day      Day
		want     uint8
	}{
		{"acme", 20_000, 60},
		{"acme", 20_001, 71},
		{"partner-of-a-longer-name", 20_000, 59},
		{"", 0, 8},
		{"acme", -1, 89},
	} {
		if got := Level(k, test.customer, test.day); got != test.want {
			t.Errorf("level of %q on day %d: %d, want %d", test.customer, test.day, got, test.want)
		}
	}
}

// The level of a call without a customer must not depend on the bits that its
// cloud or its endpoints are drawn from, the upper and the lower half.
func TestRandomLevelDependsOnNeitherHalf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var all, highUpper, highLower, oneUpper, oneLower [levels]int
	for range 100_000 {
		x := r.Uint64()
		all[randomLevel(x)]++
		highUpper[randomLevel(x|7<<61)]++
		highLower[randomLevel(x|7<<29)]++
		oneUpper[randomLevel(0xdeadbeef<<32|x>>32)]++
		oneLower[randomLevel(x<<32|0xdeadbeef)]++
	}
	wantUniform(t, "all", &all)
	wantUniform(t, "with the upper half high", &highUpper)
	wantUniform(t, "with the lower half high", &highLower)
	wantUniform(t, "with one upper half", &oneUpper)
	wantUniform(t, "with one lower half", &oneLower)
}

func TestDayOf(t *testing.T) {
	for _, test := range []struct {
		at   string
		want Day
	}{
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01T23:59:59.999Z", 0},
		{"1970-01-02T00:00:00Z", 1},
		{"1969-12-31T23:59:59.999Z", -1},
		{"1969-12-31T00:00:00Z", -1},
		{"1969-12-30T23:59:59Z", -2},
		{"2024-02-29T12:00:00Z", 19_782},
		{"2024-03-01T08:59:59+09:00", 19_782}, // Seoul is a day ahead of UTC
	} {
		at, err := time.Parse(time.RFC3339Nano, test.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := DayOf(at); got != test.want {
			t.Errorf("DayOf(%s) is %d, want %d", test.at, got, test.want)
		}
	}
}

func TestDayOfCoversADay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-1e12, 1e12).Draw(t, "seconds"), 0)
		begin := time.Unix(int64(DayOf(at))*24*60*60, 0)
		if at.Before(begin) || !at.Before(begin.Add(24*time.Hour)) {
			t.Fatalf("DayOf(%v) begins at %v", at, begin)
		}
	})
}
