package schema_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairlead-go/fairlead/internal/configfile/schema"
)

func ExampleGenerate() {
	text, err := schema.Generate("testdata/fleet", "Fleet", "fleet")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s", text)
	// Output:
	// {
	//   "$schema": "http://json-schema.org/draft-07/schema#",
	//   "title": "fleet",
	//   "description": "Fleet is a number of ships.",
	//   "type": "object",
	//   "required": [
	//     "ships"
	//   ],
	//   "properties": {
	//     "ships": {
	//       "description": "Ships by name. Required.",
	//       "type": "object",
	//       "additionalProperties": {
	//         "description": "Ship is one ship.",
	//         "type": [
	//           "object",
	//           "null"
	//         ],
	//         "properties": {
	//           "masts": {
	//             "description": "how many",
	//             "type": "integer",
	//             "minimum": 0,
	//             "maximum": 255
	//           },
	//           "ports": {
	//             "description": "in the order in which it calls",
	//             "type": [
	//               "array",
	//               "null"
	//             ],
	//             "items": {
	//               "type": "string"
	//             }
	//           }
	//         },
	//         "additionalProperties": false
	//       }
	//     },
	//     "patience": {
	//       "description": "Patience is how long to wait for the last.",
	//       "type": "string",
	//       "pattern": "^-?([0-9]+(\\.[0-9]+)?(ns|[uµμ]s|ms|s|m|h))+$"
	//     },
	//     "flag": {
	//       "description": "Flag of all the ships.",
	//       "type": "string",
	//       "enum": [
	//         "red",
	//         "blue"
	//       ]
	//     }
	//   },
	//   "additionalProperties": false
	// }
}

func TestGenerateErrors(t *testing.T) {
	for name, test := range map[string]struct{ module, source, want string }{
		"no module":       {"", "package p\ntype T struct{}", "no such file"},
		"nameless module": {"go 1.26\n", "package p\ntype T struct{}", "names no module"},
		"no such type":    {"module m\n", "package p\n", "package m has no type T"},
		"not Go":          {"module m\n", "package\n", "expected 'IDENT'"},
		"foreign type":    {"module m\n", "package p\nimport \"net/url\"\ntype T struct{ U url.URL }", "net/url.URL is not in module m"},
		"other package":   {"module m\n", "package p\nimport \"m/q\"\ntype T struct{ U q.U }", "package m/q has no type U"},
		"no schema":       {"module m\n", "package p\ntype T struct{ C chan int }", "T: no schema for a *ast.ChanType"},
		"in a list":       {"module m\n", "package p\ntype T struct{ C []func() }", "T: no schema for a *ast.FuncType"},
		"in a map":        {"module m\n", "package p\ntype T struct{ C map[string]*int }", "T: no schema for a *ast.StarExpr"},
		"unknown name":    {"module m\n", "package p\ntype T struct{ C complex64 }", "package m has no type complex64"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name, text string) {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("p.go", test.source)
			if test.module != "" {
				write("go.mod", test.module)
			}
			if text, err := schema.Generate(dir, "T", ""); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q; schema %s", err, test.want, text)
			}
		})
	}
}
