package balancer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"

	"github.com/fairlead-go/fairlead/internal/configfile/schema"
)

func TestSchemaIsInStep(t *testing.T) {
	want, err := schema.Generate(".", "Config", "fairlead configuration")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(Schema(), want) {
		t.Error("schema.json is not what the types say: run go generate ./balancer")
	}
}

func TestSchemaBelongsToTheCaller(t *testing.T) {
	Schema()[0] = 'x'
	if Schema()[0] != '{' {
		t.Error("a caller changed the schema of the others")
	}
}

// Every key has a description, so that an editor has something to show.
func TestSchemaDescribesEveryKey(t *testing.T) {
	var visit func(path string, s map[string]any)
	visit = func(path string, s map[string]any) {
		for name, property := range asMap(s["properties"]) {
			p := asMap(property)
			if p["description"] == nil {
				t.Errorf("%s.%s has no description", path, name)
			}
			visit(path+"."+name, p)
		}
		if items := asMap(s["items"]); items != nil {
			visit(path+"[]", items)
		}
		if values := asMap(s["additionalProperties"]); values != nil {
			visit(path+".*", values)
		}
	}
	visit("", schemaTree(t))
}

func TestSchemaAcceptsWhatTheParserAccepts(t *testing.T) {
	tree := schemaTree(t)
	for _, file := range []string{"testdata/full.yaml", "testdata/small.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if problem := violation(t, tree, data); problem != "" {
			t.Errorf("%s: %s", file, problem)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := encode(anyConfig(t))
		if problem := violation(t, tree, []byte(text)); problem != "" {
			t.Fatalf("%s\n%s", problem, text)
		}
	})
}

// What is wrong with the structure is wrong by the schema, too, so that an
// editor marks it.
func TestSchemaRefuses(t *testing.T) {
	tree := schemaTree(t)
	for _, name := range []string{
		"assign-number", "cloud-number", "clouds-list", "clouds-missing", "clouds-and-services-missing", "default-empty",
		"document-list", "document-scalar", "endpoint-mapping", "endpoint-string", "everything-at-once",
		"failover-panic", "key-case", "key-typo", "key-unknown", "key-unknown-nested", "retry-list", "service-empty", "services-empty", "null-tier",
		"tier-name-missing", "tier-protected-yes", "tier-string", "tier-timeout-days", "tier-timeout-no-unit", "tier-timeout-unit",
		"tiers-mapping", "weight-empty", "weight-fraction", "weight-negative", "weight-overflow", "weight-percent", "weight-string",
	} {
		data, err := os.ReadFile(filepath.Join("testdata/malformed", name+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if violation(t, tree, data) == "" {
			t.Errorf("%s is valid by the schema", name)
		}
	}
}

func schemaTree(t *testing.T) map[string]any {
	t.Helper()
	var tree map[string]any
	if err := json.Unmarshal(Schema(), &tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

func asMap(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

// violation returns how a YAML document breaks the schema, "" if it doesn't.
func violation(t interface{ Fatal(...any) }, schema map[string]any, data []byte) string {
	var value any
	if err := yaml.Unmarshal(data, &value); err != nil {
		t.Fatal(err)
	}
	return violates(schema, value)
}

// violates knows the keywords that the schema uses, and refuses others.
func violates(schema map[string]any, value any) string {
	for keyword, want := range schema {
		ok := true
		switch keyword {
		case "$schema", "title", "description":
		case "type":
			types, several := want.([]any)
			if !several {
				types = []any{want}
			}
			ok = slices.Contains(types, any(typeOf(value))) || typeOf(value) == "integer" && slices.Contains(types, any("number"))
		case "enum":
			ok = slices.Contains(want.([]any), value)
		case "pattern":
			text, isText := value.(string)
			ok = !isText || regexp.MustCompile(want.(string)).MatchString(text)
		case "minimum":
			n, isInt := value.(int)
			ok = !isInt || float64(n) >= want.(float64)
		case "maximum":
			n, isInt := value.(int)
			ok = !isInt || float64(n) <= want.(float64)
		case "items":
			list, _ := value.([]any)
			for i, item := range list {
				if problem := violates(asMap(want), item); problem != "" {
					return fmt.Sprintf("[%d]%s", i, problem)
				}
			}
		case "required":
			for _, key := range want.([]any) {
				if _, has := asMap(value)[key.(string)]; asMap(value) != nil && !has {
					return fmt.Sprintf(": has no %v", key)
				}
			}
		case "properties":
			for key, property := range asMap(value) {
				if s := asMap(asMap(want)[key]); s != nil {
					if problem := violates(s, property); problem != "" {
						return "." + key + problem
					}
				}
			}
		case "additionalProperties":
			for key, property := range asMap(value) {
				if _, known := asMap(schema["properties"])[key]; known {
					continue
				}
				if want == false {
					return fmt.Sprintf(": %s is not a key", key)
				}
				if problem := violates(asMap(want), property); problem != "" {
					return "." + key + problem
				}
			}
		default:
			return "the schema uses " + keyword + ", which this test doesn't know"
		}
		if !ok {
			return fmt.Sprintf(": %v is not of %s %v", value, keyword, want)
		}
	}
	return ""
}

func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case int:
		return "integer"
	case float64:
		return "number"
	case string, time.Time:
		return "string"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	}
	return fmt.Sprintf("%T", value)
}
