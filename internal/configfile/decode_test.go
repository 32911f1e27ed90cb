package configfile_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/fairlead-go/fairlead/internal/configfile"
)

type inner struct {
	Name  string
	Limit time.Duration
}

type mood string

type outer struct {
	Flag     bool
	Count    int
	Small    int8
	Unsigned uint32
	Byte     uint8
	Ratio    float64
	Wait     time.Duration
	Mood     mood
	Inner    inner
	List     []inner
	ByName   map[string]inner
	HTTPPort int
}

func decode(text string) (outer, *configfile.Document, []string) {
	var into outer
	var faults configfile.Faults
	doc := configfile.Decode([]byte(text), &into, &faults)
	list, _ := faults.List()
	var lines []string
	for _, f := range list {
		lines = append(lines, fmt.Sprintf("%d %s: %s", f.Line, f.Path, f.Problem))
	}
	return into, doc, lines
}

func TestDecode(t *testing.T) {
	got, _, faults := decode(`# a comment
flag: true
count: -3
small: -128
unsigned: 4294967295
byte: 0
ratio: 2.5e-1
wait: 1m30.5s
mood: "no"
inner: {name: x, limit: 0s}
list:
  - name: a
    limit: -3µs
  -
byName:
  a b: {limit: 1h}
  c:
httpPort: 80
`)
	want := outer{
		Flag: true, Count: -3, Small: -128, Unsigned: 4294967295, Ratio: 0.25, Wait: 90500 * time.Millisecond, Mood: "no",
		Inner: inner{Name: "x"}, List: []inner{{"a", -3 * time.Microsecond}, {}},
		ByName: map[string]inner{"a b": {Limit: time.Hour}, "c": {}}, HTTPPort: 80,
	}
	if len(faults) > 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v\nfaults %q", got, want, faults)
	}
}

func TestDecodeFaults(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"flag: yes", `1 flag: must be true or false, is "yes"`},
		{"flag: \"true\"", `1 flag: must be true or false, is "true"`},
		{"flag: True", `1 flag: must be true or false, is True`},
		{"flag:", `1 flag: must be true or false, is empty`},
		{"count: 1_000", `1 count: must be a whole number in decimal digits, is 1_000`},
		{"count: +1", `1 count: must be a whole number in decimal digits, is +1`},
		{"count: 0o7", `1 count: must be a whole number in decimal digits, is 0o7`},
		{"count: 1e3", `1 count: must be a whole number in decimal digits, is 1e3`},
		{"count: [1]", `1 count: must be a whole number in decimal digits, is a list`},
		{"count: 9223372036854775808", `1 count: must be from -9223372036854775808 to 9223372036854775807, is 9223372036854775808`},
		{"small: 128", `1 small: must be from -128 to 127, is 128`},
		{"byte: 256", `1 byte: must be at most 255, is 256`},
		{"byte: -1", `1 byte: must not be negative, is -1`},
		{"ratio: 010", `1 ratio: must be a finite number in decimal digits, is 010`},
		{"ratio: -.inf", `1 ratio: must be a finite number in decimal digits, is -.inf`},
		{"ratio: -1e400", `1 ratio: must be a finite number in decimal digits, is -1e400`},
		{"ratio: '1'", `1 ratio: must be a finite number in decimal digits, is "1"`},
		{"wait: 5", `1 wait: must be a duration with a unit such as 300ms or 1m30s, is 5`},
		{"wait: {}", `1 wait: must be a duration with a unit such as 300ms or 1m30s, is a mapping`},
		{"wait: 3000000h", `1 wait: must be at most 2562047h47m16.854775807s, is "3000000h"`},
		{"mood: null", `1 mood: must be a string, is empty`},
		{"mood: 2026-11-22", `1 mood: must be a string, is 2026-11-22; write "2026-11-22" in quotes`},
		{"mood: true", `1 mood: must be a string, is true; write "true" in quotes`},
		{"mood: !!binary aGk=", `1 mood: must not have a tag, has !!binary`},
		{"mood: !x y", `1 mood: must not have a tag, has !x`},
		{"inner: [a]", `1 inner: must be a mapping, is a list`},
		{"inner:\n  nmae: x\n  limit: 1\n", "2 inner.nmae: is not a known key; did you mean name?\n3 inner.limit: must be a duration with a unit such as 300ms or 1m30s, is 1"},
		{"inner: {zzz: 1}", "1 inner.zzz: is not a known key; known here: name, limit"},
		{"inner: {? {a: b} : c}", "1 inner: must have strings as keys, has a mapping"},
		{"list: {name: a}", "1 list: must be a list, is a mapping"},
		{"list:\n- name: a\n-\n  name: 5\n- x", "4 list[1].name: must be a string, is 5; write \"5\" in quotes\n5 list[2]: must be a mapping, is \"x\""},
		{"byName: {a.b: {name: []}}", `1 byName["a.b"].name: must be a string, is a list`},
		{"byName: {null: {}}", `1 byName: must have strings as keys, has an empty one`},
		{"count: 1\ncount: 2", `2 count: must be given once, is also on line 1`},
		{"count: 1\n\"count\": 2", `2 count: must be given once, is also on line 1`},
		{"inner: &i {name: a}\nlist: [*i]", `2 list[0]: must be written out: aliases such as *i are not supported`},
		{"inner: &i {name: *i}", `1 inner.name: must be written out: aliases such as *i are not supported`},
		{"mood: " + strings.Repeat("9", 100), `1 mood: must be a string, is "` + strings.Repeat("9", 64) + `"…; write "` + strings.Repeat("9", 64) + `"… in quotes`},
		{"count: 1\n...\n# the end\n---\n", "4 : must hold one document, has a second"},
	} {
		if _, _, faults := decode(test.text); strings.Join(faults, "\n") != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.text, strings.Join(faults, "\n"), test.want)
		}
	}
}

// Nothing may be said about the meaning of what could not be read, and no
// neighbour suffers from it.
func TestLost(t *testing.T) {
	got, doc, faults := decode("count: x\nunsigned: 7\ninner: 3\nlist:\n- {limit: 1}\n- {limit: 2s}\nbyName: {a: 1, b: {limit: 1s}}\n")
	if len(faults) != 4 {
		t.Errorf("got %q, want 4 faults", faults)
	}
	want := outer{Unsigned: 7, List: []inner{{}, {Limit: 2 * time.Second}}, ByName: map[string]inner{"a": {}, "b": {Limit: time.Second}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	root := (*configfile.Path)(nil)
	for path, lost := range map[*configfile.Path]bool{
		root:                                   false,
		root.Key("count"):                      true,
		root.Key("unsigned"):                   false,
		root.Key("inner").Key("name"):          true,
		root.Key("list"):                       false,
		root.Key("list").Index(0):              false,
		root.Key("list").Index(0).Key("limit"): true,
		root.Key("byName").Key("a"):            true,
		root.Key("byName").Key("b"):            false,
	} {
		if doc.Lost(path) != lost {
			t.Errorf("Lost(%v) is %v", path, !lost)
		}
	}
}

func TestDocumentLine(t *testing.T) {
	_, doc, _ := decode("\ninner:\n  name: a\nlist:\n  - name: b\n\n  - limit: 0s\n")
	root := (*configfile.Path)(nil)
	for _, test := range []struct {
		path *configfile.Path
		line int
		has  bool
	}{
		{root, 2, true},
		{root.Key("inner").Key("name"), 3, true},
		{root.Key("inner").Key("limit"), 2, false},
		{root.Key("list").Index(1).Key("limit"), 7, true},
		{root.Key("list").Index(1).Key("name"), 7, false},
		{root.Key("list").Index(2), 4, false},
		{root.Key("wait"), 2, false},
	} {
		if line, has := doc.Line(test.path), doc.Has(test.path); line != test.line || has != test.has {
			t.Errorf("%v: got line %d, has %v; want %d, %v", test.path, line, has, test.line, test.has)
		}
	}
	var none *configfile.Document
	if none.Line(root) != 0 || none.Has(root) || none.Lost(root) {
		t.Error("the nil Document has something")
	}
}

func TestFaultsAreBounded(t *testing.T) {
	var into outer
	var faults configfile.Faults
	configfile.Decode([]byte("list:\n"+strings.Repeat("- x\n", 1000)), &into, &faults)
	list, more := faults.List()
	if len(list) != 50 || more != 950 || list[0].Line != 2 {
		t.Errorf("got %d faults and %d more, the first on line %d; want 50, 950, 2", len(list), more, list[0].Line)
	}
}

// Of what is no mapping nothing is left that could be looked at.
func TestDecodeIsNoMapping(t *testing.T) {
	for text, want := range map[string]string{
		"": "0 : is empty",
		strings.Repeat("[", 20) + strings.Repeat("]", 20): "1 : must be a mapping, is a list",
		strings.Repeat("[", 21) + strings.Repeat("]", 21): "1 : is not YAML: nests deeper than 20 levels",
		"# nothing":             "0 : is empty",
		"a: [":                  "1 : is not YAML: did not find expected node content",
		"a: \xff":               "1 : must be text in UTF-8, has the byte 0xff",
		"a:\n  b: \x7f":         "2 : must be text in UTF-8, has the byte 0x7f",
		"\xff\xfea\x00:\x00":    "1 : must be text in UTF-8, has the byte 0xff",
		strings.Repeat("[", 99): "1 : is not YAML: nests deeper than 20 levels",
		strings.Repeat(" ", configfile.MaxBytes+1): "0 : must be at most 1048576 bytes long",
	} {
		_, doc, faults := decode(text)
		if doc != nil && !doc.Lost(nil) || strings.Join(faults, "\n") != want {
			t.Errorf("%.20q: got %q, want %q", text, faults, want)
		}
	}
}

func TestDecodePanicsOnOtherTypes(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a channel was decoded")
		}
	}()
	var into struct{ C chan int }
	var faults configfile.Faults
	configfile.Decode([]byte("c: 1"), &into, &faults)
}

func FuzzDecode(f *testing.F) {
	f.Add("count: 1\nlist: [{name: a}]\nbyName: {x: {limit: 1s}}")
	f.Add("inner: &a {<<: *a, name: !!str b}\n--- \n[]")
	f.Add("? [a]\n: b\n\t")
	f.Fuzz(func(t *testing.T, text string) {
		_, doc, faults := decode(text)
		if doc == nil && len(faults) == 0 {
			t.Error("neither a document nor a fault")
		}
		lines := strings.Count(text, "\n") + strings.Count(text, "\r") + strings.Count(text, "\u0085") +
			strings.Count(text, "\u2028") + strings.Count(text, "\u2029") + 2
		for _, fault := range faults {
			var line int
			if _, err := fmt.Sscan(fault, &line); err != nil || line < 0 || line > lines {
				t.Errorf("%q is on no line of %q", fault, text)
			}
		}
	})
}

func ExampleDecode() {
	var settings struct {
		Interval time.Duration
		Attempts int
	}
	var faults configfile.Faults
	configfile.Decode([]byte("interval: 5\natempts: 3\n"), &settings, &faults)
	list, _ := faults.List()
	for _, fault := range list {
		fmt.Printf("%d: %s: %s\n", fault.Line, fault.Path, fault.Problem)
	}
	// Output:
	// 1: interval: must be a duration with a unit such as 300ms or 1m30s, is 5
	// 2: atempts: is not a known key; did you mean attempts?
}
