package main

import (
	"os"
	"strings"
	"testing"
)

const taxi = "../../../shared/data/taxi_demand.csv"

func TestParse(t *testing.T) {
	d, err := parse("f", strings.NewReader("timestamp,value\n2014-07-01 23:00:00,10\n2014-07-01 23:30:00,30.5\n2014-07-02 00:00:00,20\n"))
	if err != nil {
		t.Fatal(err)
	}
	if len(d.values) != 3 || d.median != 20 || d.at(2).Format(timeLayout) != "2014-07-02 00:00:00" {
		t.Errorf("%+v", d)
	}
}

// Each fault is told with its line.
func TestMalformedDemand(t *testing.T) {
	const head, one, two = "timestamp,value\n", "2014-07-01 00:00:00,1\n", "2014-07-01 00:30:00,2\n"
	for _, test := range []struct{ name, data, want string }{
		{"empty", "", "f: 0 half hours"},
		{"no header", one + two, "f:1: the header"},
		{"another header", "time;value\n", "f:1: the header"},
		{"no value", head + "2014-07-01 00:00:00\n", "f:2: want a time and a value"},
		{"three values", head + one + "2014-07-01 00:30:00,2,3\n", "f:3: want a time and a value"},
		{"an empty line", head + one + "\n" + two, "f:3: want a time and a value"},
		{"no such day", head + "2014-02-30 00:00:00,1\n", "f:2: \"2014-02-30 00:00:00\" is no time"},
		{"another form", head + "2014-07-01T00:00:00Z,1\n", "is no time"},
		{"a part of a second", head + "2014-07-01 00:00:00.5,1\n", "is no time"},
		{"a gap", head + one + "2014-07-01 01:00:00,1\n", "f:3: the time is 2014-07-01 01:00:00, want 2014-07-01 00:30:00"},
		{"twice", head + one + one, "f:3: the time is"},
		{"backwards", head + two + one, "f:3: the time is"},
		{"no number", head + "2014-07-01 00:00:00,many\n", "f:2: the value must be"},
		{"NaN", head + "2014-07-01 00:00:00,NaN\n", "f:2: the value must be"},
		{"negative", head + "2014-07-01 00:00:00,-1\n", "f:2: the value must be"},
		{"infinite", head + "2014-07-01 00:00:00,1e999\n", "f:2: the value must be"},
		{"a space", head + "2014-07-01 00:00:00, 1\n", "f:2: the value must be"},
		{"one half hour", head + one, "f: 1 half hours"},
		{"nothing but zeros", head + "2014-07-01 00:00:00,0\n2014-07-01 00:30:00,0\n", "f: the median is 0"},
		{"a long line", head + strings.Repeat("x", 100_000), "f:2: "},
	} {
		if _, err := parse("f", strings.NewReader(test.data)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error is %v, want %q", test.name, err, test.want)
		}
	}
}

// FuzzParse: what is accepted is what it says, line by line.
func FuzzParse(f *testing.F) {
	f.Add("timestamp,value\n2014-07-01 00:00:00,10844\n2014-07-01 00:30:00,8127\n")
	f.Add("timestamp,value\n2014-12-31 23:30:00,1e3\n2015-01-01 00:00:00,0x1p4")
	f.Add("timestamp,value\r\n")
	f.Fuzz(func(t *testing.T, data string) {
		d, err := parse("f", strings.NewReader(data))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "f:") {
				t.Errorf("the error doesn't name its place: %v", err)
			}
			return
		}
		lines := strings.Split(strings.TrimRight(data, "\r\n"), "\n")
		if len(lines) != len(d.values)+1 || !(d.median > 0) {
			t.Errorf("%d values with median %v of %d lines", len(d.values), d.median, len(lines))
		}
		for i, v := range d.values {
			if !(v >= 0) || !strings.HasPrefix(lines[i+1], d.at(i).Format(timeLayout)+",") {
				t.Errorf("value %d is %v at %v", i, v, d.at(i))
			}
		}
	})
}

func TestBetween(t *testing.T) {
	for _, test := range []struct {
		first, last, want string // first and last half hour
	}{
		{"", "", "2026-06-20 00:00:00 2026-06-20 23:30:00"},
		{"2026-06-20", "2026-06-20", "2026-06-20 00:00:00 2026-06-20 23:30:00"},
		{"2020-01-01", "2030-01-01", "2026-06-20 00:00:00 2026-06-20 23:30:00"},
		{"2026-06-21", "", ""},
		{"", "2026-06-19", ""},
		{"2026-06-20", "2026-06-19", ""},
		{"20 June", "", ""},
	} {
		d := builtIn()
		err := d.between(test.first, test.last)
		got := ""
		if err == nil {
			got = d.start.Format(timeLayout) + " " + d.at(len(d.values)-1).Format(timeLayout)
		}
		if got != test.want {
			t.Errorf("from %q to %q: %q, %v, want %q", test.first, test.last, got, err, test.want)
		}
	}
}

// TestTaxi reads the real series.
func TestTaxi(t *testing.T) {
	f, err := os.Open(taxi)
	if os.IsNotExist(err) {
		t.Skip("the taxi series isn't there: " + taxi)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	d, err := parse("taxi", f)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.values) != 10320 || d.median < 16777 || d.median > 16779 {
		t.Errorf("%d half hours with median %v, want 10320 with 16778", len(d.values), d.median)
	}
	if err := d.between("2014-10-26", "2014-11-08"); err != nil || len(d.values) != 14*slotsPerDay {
		t.Errorf("%d half hours of a fortnight, %v", len(d.values), err)
	}
	if d.median < 16777 {
		t.Error("the median is that of the chosen days, want that of the whole file")
	}
}
