package main

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/internal/sim"
)

// demand is how many calls are offered over time.
type demand struct {
	tiers   []string
	at      []time.Duration // since midnight, or since the beginning
	rates   [][]float64     // by tier, then by time
	byClock bool            // times are those of a day
	first   time.Time       // the first time, if it has a date
}

const mostDemand = 64 << 20 // bytes

// readDemand reads a CSV file: a header of "time" and tiers, and then a line for
// each time with the calls per second of each tier. A time is one of the day (09:30,
// 09:30:15), a duration since the beginning (90s, 1h), or RFC 3339.
func readDemand(path string) (*demand, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	d, err := parseDemand(io.LimitReader(file, mostDemand))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return d, nil
}

func parseDemand(r io.Reader) (*demand, error) {
	records := csv.NewReader(r)
	records.TrimLeadingSpace = true
	records.Comment = '#'
	head, err := records.Read()
	if errors.Is(err, io.EOF) {
		err = errors.New("there is nothing in it")
	}
	if err != nil {
		return nil, lineError(1, err)
	}
	if len(head) < 2 || strings.TrimSpace(head[0]) != "time" {
		return nil, lineError(1, errors.New("the header must be \"time\" and the names of tiers, with commas between"))
	}
	d := &demand{}
	for _, tier := range head[1:] {
		d.tiers = append(d.tiers, strings.TrimSpace(tier))
	}
	d.rates = make([][]float64, len(d.tiers))
	line := 1
	for {
		fields, err := records.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, lineError(line+1, err)
		}
		line, _ = records.FieldPos(0)
		if err := d.add(fields); err != nil {
			return nil, lineError(line, err)
		}
	}
	if len(d.at) < 2 {
		return nil, lineError(1, errors.New("there must be at least two times below the header"))
	}
	return d, nil
}

// lineError puts the line before an error: the parser's own line, where it knows better.
func lineError(line int, err error) error {
	var syntax *csv.ParseError
	if errors.As(err, &syntax) {
		line, err = syntax.Line, syntax.Err
	}
	return fmt.Errorf("%d: %w", line, err)
}

// add takes in a line.
func (d *demand) add(fields []string) error {
	at, byClock, err := timeOf(strings.TrimSpace(fields[0]))
	if err != nil {
		return err
	}
	n := len(d.at)
	if n > 0 && byClock != d.byClock {
		return errors.New("times must be all of a day or all durations")
	}
	if n > 0 && byClock {
		for at <= d.at[n-1]-12*time.Hour {
			at += 24 * time.Hour // past midnight
		}
	}
	if n > 0 && at <= d.at[n-1] {
		return fmt.Errorf("%s must be later than the time before", fields[0])
	}
	if n == 0 {
		d.first, _ = time.Parse(time.RFC3339, strings.TrimSpace(fields[0])) // zero if it has none
	}
	d.at, d.byClock = append(d.at, at), byClock
	for i, text := range fields[1:] {
		v, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || !(v >= 0 && v <= 1e9) {
			return fmt.Errorf("%s must be a number of calls per second from 0 to 1e9, is %q", d.tiers[i], text)
		}
		d.rates[i] = append(d.rates[i], v)
	}
	return nil
}

// timeOf reads a time. byClock says that it is one of a day.
func timeOf(text string) (at time.Duration, byClock bool, err error) {
	for _, form := range []string{"15:04", "15:04:05", time.RFC3339} {
		if t, err := time.Parse(form, text); err == nil {
			return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second, true, nil
		}
	}
	if at, err = time.ParseDuration(text); err != nil || at < 0 {
		return 0, false, fmt.Errorf("%q must be a time of day such as 10:00, or a duration since the beginning such as 90s", text)
	}
	return at, false, nil
}

// since returns a time of the command line as one of the simulation, in which the
// demand begins at 0.
func (d *demand) since(text string) (time.Duration, error) {
	at, byClock, err := timeOf(text)
	if err != nil {
		return 0, err
	}
	if byClock != d.byClock {
		return 0, fmt.Errorf("%q must be written as the times of the demand are", text)
	}
	if byClock && at < d.at[0] {
		at += 24 * time.Hour
	}
	if !byClock {
		return at, nil
	}
	return at - d.at[0], nil
}

// begins is when the demand begins, by the calendar: on a day such as 2026-12-08,
// perhaps with a time zone behind it, at the first time of the demand. Where the times
// are durations it is that of the beginning itself; where they have dates, theirs.
func (d *demand) begins(on string, now time.Time) (time.Time, error) {
	switch {
	case !d.first.IsZero() && on != "":
		return time.Time{}, errors.New("the times of the demand have dates")
	case !d.first.IsZero():
		return d.first, nil
	case !d.byClock:
		return moments(cmp.Or(on, "now"), now)
	case on == "":
		on = now.UTC().Format(time.DateOnly)
	}
	day, zone, _ := strings.Cut(on, " ")
	in, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, fmt.Errorf("the time zone must be such as Asia/Seoul, is %q", zone)
	}
	midnight, err := time.ParseInLocation(time.DateOnly, day, in)
	if err != nil {
		return time.Time{}, fmt.Errorf("it must be a day such as 2026-12-08 or \"2026-12-08 Asia/Seoul\", is %q", on)
	}
	year, month, date := midnight.Date()
	return time.Date(year, month, date, 0, 0, int(d.at[0].Seconds()), 0, in), nil
}

// lasts is how long the demand goes on.
func (d *demand) lasts() time.Duration { return d.at[len(d.at)-1] - d.at[0] }

// clock writes a time of the simulation as the demand does.
func (d *demand) clock(at time.Duration) string {
	if !d.byClock {
		return brief(at.Round(time.Second))
	}
	at = (at + d.at[0]).Round(time.Second) % (24 * time.Hour)
	return fmt.Sprintf("%02d:%02d:%02d", int(at.Hours()), int(at.Minutes())%60, int(at.Seconds())%60)
}

// parts returns the demand of each of the config's tiers and of all of them, from a
// time on, scaled.
func (d *demand) parts(tiers []string, from time.Duration, scale float64) (parts []sim.Profile, total sim.Profile) {
	sums := make([]float64, len(d.at))
	for _, name := range tiers {
		i := slices.Index(d.tiers, name)
		var p sim.Profile
		for k, at := range d.at {
			v := 0.0
			if i >= 0 {
				v = d.rates[i][k] * scale
			}
			sums[k] += v
			p = append(p, sim.Point{At: at - d.at[0] - from, Value: v})
		}
		parts = append(parts, p)
	}
	for k, at := range d.at {
		total = append(total, sim.Point{At: at - d.at[0] - from, Value: sums[k]})
	}
	return parts, total
}

// calls is how many there are between two times.
func (d *demand) calls(from, until time.Duration) (sum float64) {
	for k := 0; k+1 < len(d.at); k++ {
		a, b := d.at[k]-d.at[0], d.at[k+1]-d.at[0]
		lo, hi := max(a, from), min(b, until)
		if lo >= hi {
			continue
		}
		for i := range d.rates {
			slope := (d.rates[i][k+1] - d.rates[i][k]) / (b - a).Seconds()
			mean := d.rates[i][k] + slope*((lo+hi)/2-a).Seconds()
			sum += mean * (hi - lo).Seconds()
		}
	}
	return sum
}
