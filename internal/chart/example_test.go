package chart_test

import (
	"fmt"
	"strings"

	"github.com/fairlead-go/fairlead/internal/chart"
)

// Demand over three seconds.
func Example() {
	var svg strings.Builder
	_, err := chart.Chart{
		Title: "Demand", X: []float64{0, 1, 2}, XUnit: "s",
		Panels: []chart.Panel{{Title: "demand", Unit: "calls/s", Series: []chart.Series{{Name: "all", Values: []float64{1, 4, 2}}}}},
	}.WriteTo(&svg)
	fmt.Println(err, strings.HasPrefix(svg.String(), "<svg "))
	// Output: <nil> true
}
