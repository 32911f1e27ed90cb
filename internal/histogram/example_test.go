package histogram_test

import (
	"fmt"
	"time"

	"github.com/fairlead-go/fairlead/internal/histogram"
)

func ExampleRing() {
	recent := histogram.NewRing(10, time.Second)
	recent.Advance(0)
	for i := range 100 {
		recent.Record(time.Duration(i+1) * time.Millisecond)
	}

	// The exact figure is 90 ms; the middle of its bucket is 1.6 % less.
	window := recent.Snapshot()
	fmt.Println(window.Count(), "answers, 90 of them within", window.Quantile(0.9).Round(time.Millisecond))

	recent.Advance(10 * time.Second)
	window = recent.Snapshot()
	fmt.Println(window.Count(), "answers in the last ten seconds")
	// Output:
	// 100 answers, 90 of them within 89ms
	// 0 answers in the last ten seconds
}
