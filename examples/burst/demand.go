package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// demand is how much was asked for in each half hour from a time on, in any
// measure.
type demand struct {
	source string
	start  time.Time // UTC
	values []float64
	median float64 // of all that was read, chosen days or not
}

const (
	slot        = 30 * time.Minute // of the data
	slotsPerDay = int(24 * time.Hour / slot)
	header      = "timestamp,value"
	timeLayout  = "2006-01-02 15:04:05"
	dayLayout   = "2006-01-02"
	mostSlots   = 200 * 366 * slotsPerDay
)

// parse reads demand: a header and one line for each half hour, none missing,
// such as
//
//	timestamp,value
//	2014-07-01 00:00:00,10844
//	2014-07-01 00:30:00,8127
//
// Errors name the line.
func parse(source string, r io.Reader) (*demand, error) {
	d := &demand{source: source}
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		line := lines.Text()
		if n == 1 {
			if line != header {
				return nil, fmt.Errorf("%s:1: the header must be %q, is %q", source, header, line)
			}
			continue
		}
		if err := d.add(line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", source, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", source, n+1, err)
	}
	if len(d.values) < 2 {
		return nil, fmt.Errorf("%s: %d half hours, at least 2 are needed", source, len(d.values))
	}
	d.median = median(d.values)
	if d.median == 0 {
		return nil, fmt.Errorf("%s: the median is 0, which can't be scaled", source)
	}
	return d, nil
}

// add takes in one line.
func (d *demand) add(line string) error {
	at, value, found := strings.Cut(line, ",")
	if !found || strings.Contains(value, ",") {
		return fmt.Errorf("want a time and a value, got %q", line)
	}
	t, err := time.Parse(timeLayout, at)
	if err != nil || t.Format(timeLayout) != at {
		return fmt.Errorf("%q is no time such as 2014-07-01 00:30:00", at)
	}
	if len(d.values) == 0 {
		d.start = t
	} else if want := d.at(len(d.values)); !t.Equal(want) {
		return fmt.Errorf("the time is %s, want %s: half an hour after the line before", at, want.Format(timeLayout))
	}
	v, err := strconv.ParseFloat(value, 64)
	if err != nil || !(v >= 0 && v <= 1e12) {
		return fmt.Errorf("the value must be a number from 0 to 1e12, is %q", value)
	}
	if len(d.values) == mostSlots {
		return errors.New("more than 200 years")
	}
	d.values = append(d.values, v)
	return nil
}

// at is the time of a half hour.
func (d *demand) at(i int) time.Time { return d.start.Add(time.Duration(i) * slot) }

// between leaves the days from first to last, both included; an empty one stands
// for that of the data.
func (d *demand) between(first, last string) error {
	from, until := 0, len(d.values)
	for _, end := range []struct {
		day   string
		index *int
		after int
	}{{first, &from, 0}, {last, &until, 1}} {
		if end.day == "" {
			continue
		}
		t, err := time.Parse(dayLayout, end.day)
		if err != nil {
			return fmt.Errorf("%q is no day such as 2014-11-02", end.day)
		}
		*end.index = int(t.AddDate(0, 0, end.after).Sub(d.start) / slot)
	}
	from, until = max(from, 0), min(until, len(d.values))
	if until-from < 2 {
		return fmt.Errorf("%s has nothing from %q to %q", d.source, first, last)
	}
	d.start, d.values = d.at(from), d.values[from:until]
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// builtIn is a made-up day: a daily cycle with a rush in the morning and one in the
// evening, and at half past nine in the evening, when a concert ends, within half
// an hour three times the median.
func builtIn() *demand {
	d := &demand{source: "a made-up day", start: time.Date(2026, 6, 20, 0, 0, 0, 0, time.UTC)}
	for i := range slotsPerDay {
		h := float64(i) / 2
		bell := func(at, width float64) float64 { return math.Exp(-math.Pow((h-at)/width, 2) / 2) }
		v := 600 + 350*math.Sin((h-9)/24*2*math.Pi) + 350*bell(8.5, 1) + 300*bell(18, 1.5)
		if h >= 21.5 && h < 23 {
			v = 2000
		}
		d.values = append(d.values, math.Round(v))
	}
	d.median = median(d.values)
	return d
}
