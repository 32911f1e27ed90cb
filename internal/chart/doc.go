// Package chart draws values over time as SVG: panels one below the other on one
// time axis, each with lines or stacked areas, a legend and a unit.
//
//	chart.Chart{
//		Title: "A spike", X: seconds, XUnit: "s",
//		Panels: []chart.Panel{{
//			Title: "demand", Unit: "calls/s", Stacked: true,
//			Series: []chart.Series{{Name: "critical", Values: critical}, {Name: "batch", Values: batch}},
//		}},
//	}.WriteTo(file)
//
// The picture is one file without scripts, fonts or images of others. It is light
// or dark as its reader prefers, if what shows it honours prefers-color-scheme. The
// same chart gives the same bytes. Names and titles may hold anything: they are
// escaped.
//
// Of more points than there are places for, an area shows the time of the
// greatest sum in each place, a line the least and the greatest value: a peak is
// never lost.
//
// A chart may be drawn by several goroutines, but not while one of them changes
// it.
package chart
