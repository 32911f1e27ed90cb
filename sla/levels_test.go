package sla

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestZeroThresholdAdmitsAll(t *testing.T) {
	var none Threshold
	if none.Sheds(127, math.MaxUint64) || none.Level() != 128 {
		t.Errorf("the zero Threshold sheds, from level %d on", none.Level())
	}
	var h LevelHistogram
	for _, fraction := range []float64{0, -1, math.NaN()} {
		if got := h.Shedding(fraction); got != none {
			t.Errorf("shedding %v: %d", fraction, got)
		}
	}
}

func TestThresholdThatShedsAll(t *testing.T) {
	var h LevelHistogram
	for _, fraction := range []float64{1, 2, math.Inf(1)} {
		all := h.Shedding(fraction)
		for _, random := range []uint64{0, 1, math.MaxUint64} {
			if !all.Sheds(0, random) {
				t.Errorf("shedding %v admits level 0", fraction)
			}
		}
		if all.Level() != 0 {
			t.Errorf("shedding %v begins at level %d", fraction, all.Level())
		}
	}
}

// Whatever the levels were and however many customers have how many calls, the
// threshold sheds the fraction that it should, and the highest levels.
func TestThresholdShedsTheFraction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		customers := rapid.SliceOfN(rapid.Uint8Range(0, 127), 1, 50).Draw(t, "levels of customers")
		fraction := rapid.Float64Range(0.001, 0.999).Draw(t, "fraction")
		var levels Levels
		var h LevelHistogram
		const calls = 20_000
		draw := func() uint8 { return customers[random.IntN(len(customers))] }
		for range calls {
			levels.Add(draw(), random.Uint64())
		}
		if n := h.Observe(&levels); n != calls {
			t.Fatalf("counted %d calls, want %d", n, calls)
		}
		threshold := h.Shedding(fraction)
		shed := 0
		for range calls {
			level := draw()
			sheds := threshold.Sheds(level, random.Uint64())
			if sheds {
				shed++
			}
			if from := threshold.Level(); sheds != (int(level) > from) && int(level) != from {
				t.Fatalf("level %d: shed %v, the threshold cuts through level %d", level, sheds, from)
			}
		}
		if got := float64(shed) / calls; math.Abs(got-fraction) > 0.03 {
			t.Errorf("shed %.3f of the calls, want %.3f", got, fraction)
		}
	})
}

// The same customers wait as long as it lasts; when less is shed it is some of
// them, when more is shed it is them and others.
func TestThresholdIsMonotone(t *testing.T) {
	var levels Levels
	var h LevelHistogram
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		levels.Add(uint8(random.IntN(128)), random.Uint64())
	}
	h.Observe(&levels)
	rapid.Check(t, func(t *rapid.T) {
		less := rapid.Float64Range(0, 1).Draw(t, "less")
		more := rapid.Float64Range(less, 1).Draw(t, "more")
		level, random := rapid.Uint8Range(0, 127).Draw(t, "level"), rapid.Uint64().Draw(t, "random")
		if h.Shedding(less).Sheds(level, random) && !h.Shedding(more).Sheds(level, random) {
			t.Fatalf("shed at %v and not at %v", less, more)
		}
	})
}

// Shedding must not take the calls of one cloud or one endpoint: whose level the
// threshold cuts through, neither half of the random number tells.
func TestThresholdDependsOnNeitherHalf(t *testing.T) {
	var h LevelHistogram
	threshold := h.Shedding(0.5 / 128) // half of level 127
	random := rand.New(rand.NewPCG(3, 4))
	for name, of := range map[string]func(uint64) uint64{
		"upper half high": func(x uint64) uint64 { return x | 7<<61 },
		"upper half low":  func(x uint64) uint64 { return x &^ (7 << 61) },
		"lower half high": func(x uint64) uint64 { return x | 7<<29 },
		"lower half low":  func(x uint64) uint64 { return x &^ (7 << 29) },
	} {
		shed := 0
		for range 100_000 {
			if threshold.Sheds(127, of(random.Uint64())) {
				shed++
			}
		}
		if shed < 49_000 || shed > 51_000 {
			t.Errorf("%s: %d of 100,000 calls are shed, want half", name, shed)
		}
	}
}

func TestLevelsFade(t *testing.T) {
	var levels Levels
	var h LevelHistogram
	for range 1000 {
		levels.Add(127, 0)
	}
	h.Observe(&levels)
	h.Fade(0.1)
	for range 900 {
		levels.Add(0, 0)
	}
	if n := h.Observe(&levels); n != 1900 {
		t.Errorf("%d calls, want 1900", n)
	}
	// A tenth of what counts has level 127.
	if got := h.Shedding(0.05).Level(); got != 127 {
		t.Errorf("shedding a twentieth begins at level %d", got)
	}
	if got := h.Shedding(0.2).Level(); got != 0 {
		t.Errorf("shedding a fifth begins at level %d", got)
	}
}

// What a threshold sheds of the calls it was found for is the fraction it was found
// for, and of others theirs.
func TestFractionOfOthers(t *testing.T) {
	var levels Levels
	var h LevelHistogram
	if got := h.Fraction(h.Shedding(0.3)); math.Abs(got-0.3) > 1e-6 {
		t.Errorf("of nobody %v, want 0.3", got)
	}
	for i := range uint64(1000) {
		levels.Add(uint8(i%100), i)
	}
	h.Observe(&levels)
	for _, fraction := range []float64{0, 0.001, 0.25, 0.255, 0.9, 1} {
		if got := h.Fraction(h.Shedding(fraction)); math.Abs(got-fraction) > 1e-6 {
			t.Errorf("%v, want %v", got, fraction)
		}
	}
	threshold := h.Shedding(0.5)
	h.Fade(0)
	levels.Add(30, 1)
	levels.Add(49, 1)
	levels.Add(50, 1)
	levels.Add(127, 1)
	h.Observe(&levels)
	if got := h.Fraction(threshold); math.Abs(got-0.5) > 1e-6 {
		t.Errorf("two of four calls wait, it says %v", got)
	}
}

func TestLevelsFromManyGoroutines(t *testing.T) {
	var levels Levels
	var h LevelHistogram
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 10_000 {
				levels.Add(uint8(i), uint64(g+i))
			}
		})
	}
	for range 100 {
		h.Observe(&levels)
	}
	wg.Wait()
	if n := h.Observe(&levels); n != 80_000 {
		t.Errorf("%d calls, want 80000", n)
	}
}

func TestLevelsAllocs(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	var levels Levels
	var h LevelHistogram
	shed := 0
	if n := testing.AllocsPerRun(100, func() {
		levels.Add(5, 6)
		h.Observe(&levels)
		if h.Shedding(0.3).Sheds(5, 6) {
			shed++
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
