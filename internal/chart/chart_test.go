package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write testdata/spike.svg anew")

// spike is a chart with everything that there is.
func spike() Chart {
	const n = 61
	x, critical, batch, capacity, shed, p99 := make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = float64(i)
		demand := 4000.0
		capacity[i] = 6000
		if i >= 20 {
			demand = 16000
		}
		if i >= 30 {
			capacity[i] = 20000
		}
		critical[i], batch[i] = 0.2*demand, 0.8*demand
		shed[i] = max(0, 1-capacity[i]/demand)
		p99[i] = 20 + 3*math.Abs(float64(i%10)-5)
	}
	p99[40] = math.NaN()
	return Chart{
		Title: "A spike & what <becomes> of it", Subtitle: "20 clients, nodes ready after 10 s",
		X: x, XUnit: "s",
		Panels: []Panel{
			{Title: "demand", Unit: "calls/s", Stacked: true, Series: []Series{
				{Name: "critical", Values: critical, Color: 0}, {Name: "batch", Values: batch, Color: 5},
				{Name: "capacity", Values: capacity, Color: 1, Line: true},
			}},
			{Title: "shed", Unit: "%", Max: 1, Series: []Series{{Name: "batch", Values: shed, Color: 5}}},
			{Title: "p99", Unit: "ms", Series: []Series{{Name: `"critical"`, Values: p99, Color: 0}}},
		},
	}
}

func TestGolden(t *testing.T) {
	const file = "testdata/spike.svg"
	var b bytes.Buffer
	if _, err := spike().WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("the picture isn't %s; look at both, and write it anew with -update", file)
	}
}

// parse reads all of an XML document and returns its text.
func parse(t interface{ Fatalf(string, ...any) }, svg string) string {
	var text strings.Builder
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return text.String()
		}
		if err != nil {
			t.Fatalf("not well formed: %v", err)
		}
		if data, ok := token.(xml.CharData); ok {
			text.Write(data)
		}
	}
}

// TestAnyChart draws any values under any names: the picture is well formed, and
// nothing lies outside of it.
func TestAnyChart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 2000).Draw(t, "places")
		c := Chart{Title: rapid.String().Draw(t, "title"), XUnit: rapid.String().Draw(t, "unit")}
		for i := range n {
			c.X = append(c.X, float64(i))
		}
		for range rapid.IntRange(0, 3).Draw(t, "panels") {
			p := Panel{Title: rapid.String().Draw(t, "title"), Stacked: rapid.Bool().Draw(t, "stacked")}
			for range rapid.IntRange(0, 3).Draw(t, "series") {
				some := rapid.SliceOfN(rapid.Float64(), 1, 20).Draw(t, "values")
				s := Series{Name: rapid.String().Draw(t, "name"), Color: rapid.Int().Draw(t, "color"), Line: rapid.Bool().Draw(t, "line")}
				for i := range n {
					v := some[i%len(some)]
					if math.Abs(v) > 1e15 || i%7 == 6 {
						v = math.NaN()
					}
					s.Values = append(s.Values, v)
				}
				p.Series = append(p.Series, s)
			}
			c.Panels = append(c.Panels, p)
		}
		var b bytes.Buffer
		if _, err := c.WriteTo(&b); err != nil {
			t.Fatalf("%v", err)
		}
		parse(t, b.String())
		if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
			t.Fatalf("a number is none:\n%s", b.String())
		}
	})
}

func TestNamesAreEscaped(t *testing.T) {
	const name = "</text><script>alert(1)</script>&\"'\x00\xff"
	c := spike()
	c.Title, c.Panels[0].Series[0].Name = name, name
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if text := parse(t, b.String()); !strings.Contains(text, "<script>alert(1)</script>&\"' \ufffd") {
		t.Errorf("the name isn't in the text %q", text)
	}
	if strings.Contains(b.String(), "<script") {
		t.Error("a name became an element")
	}
}

func TestChartsThatDontFit(t *testing.T) {
	for name, c := range map[string]Chart{
		"no places":       {},
		"one place":       {X: []float64{1}},
		"not ascending":   {X: []float64{1, 1}},
		"not a number":    {X: []float64{1, math.NaN()}},
		"too few values":  {X: []float64{1, 2}, Panels: []Panel{{Series: []Series{{Values: []float64{1}}}}}},
		"too many values": {X: []float64{1, 2}, Panels: []Panel{{Series: []Series{{Values: []float64{1, 2, 3}}}}}},
	} {
		if n, err := c.WriteTo(io.Discard); err == nil || n > 0 {
			t.Errorf("%s: %d bytes, no error", name, n)
		}
	}
}

// TestPeaksStay hides one high and one low value among many.
func TestPeaksStay(t *testing.T) {
	values := make([]float64, 50_000)
	for i := range values {
		values[i] = 5
	}
	values[12_345], values[12_346], values[45_678] = 9, 1, math.NaN()
	at := func(i int) float64 { return values[i] }
	has := func(shown []int, v float64) bool {
		for k, i := range shown {
			if k > 0 && i <= shown[k-1] {
				t.Errorf("%d comes after %d", i, shown[k-1])
			}
			if values[i] == v {
				return true
			}
		}
		return false
	}
	if shown := thin(len(values), at, true); !has(shown, 9) || !has(shown, 1) || len(shown) > 2*places {
		t.Errorf("%d values of a line are shown, with 9: %t, with 1: %t", len(shown), has(shown, 9), has(shown, 1))
	}
	if shown := thin(len(values), at, false); !has(shown, 9) || len(shown) != places {
		t.Errorf("%d values of an area are shown, with 9: %t", len(shown), has(shown, 9))
	}
	if shown := thin(3, at, true); len(shown) != 3 {
		t.Errorf("%d of three values are shown", len(shown))
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.25: "0.25", 4000: "4k", 999: "999", 16000: "16k", 2.5e6: "2.5M", 3e9: "3G"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
}
