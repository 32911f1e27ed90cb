package chart

import (
	"fmt"
	"strings"
)

// palette is colors that people with any color vision can tell apart on white and
// on black (after Okabe and Ito, "Color Universal Design").
var palette = [...]struct{ light, dark string }{
	{"#0072b2", "#56b4e9"}, // blue
	{"#d55e00", "#f0884a"}, // vermilion
	{"#009e73", "#3fc79e"}, // green
	{"#e69f00", "#f2c14e"}, // orange
	{"#a3558a", "#dd9cc4"}, // purple
	{"#767676", "#a0a0a0"}, // gray
}

// color is the class of a color of the palette.
func color(i int) string {
	n := len(palette)
	return fmt.Sprintf("c%d", (i%n+n)%n)
}

// style is written twice, without variables: not everything that shows SVG knows
// them.
func style() string {
	var b strings.Builder
	b.WriteString(`<style>
text{font:12px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:#1f2328}
.head{font-size:17px;font-weight:600}
.strong{font-weight:600;fill:#1f2328}
.soft{fill:#59636e}
.mid{text-anchor:middle}
.end{text-anchor:end}
.back{fill:#fff}
.grid{fill:none;stroke:#d8dee4}
.curve{fill:none;stroke-width:1.6;stroke-linejoin:round}
.dash{stroke-dasharray:5 3}
.area{fill-opacity:.78}
`)
	for i, c := range palette {
		fmt.Fprintf(&b, ".area.c%d{fill:%s}.curve.c%d{stroke:%s}\n", i, c.light, i, c.light)
	}
	b.WriteString(`@media (prefers-color-scheme:dark){
text,.strong{fill:#e6edf3}
.soft{fill:#9198a1}
.back{fill:#0d1117}
.grid{stroke:#2a313a}
`)
	for i, c := range palette {
		fmt.Fprintf(&b, ".area.c%d{fill:%s}.curve.c%d{stroke:%s}\n", i, c.dark, i, c.dark)
	}
	b.WriteString("}\n</style>\n")
	return b.String()
}
