package console

import (
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"unicode"
)

// The JSON of each view is what it was.
func TestViewsAsJSON(t *testing.T) {
	router, _ := newRouter(t)
	h := showing(t, router, example("connection refused"))
	for name, path := range map[string]string{
		"overview.json":  "/?format=json",
		"service.json":   "/service?name=routing-api&protocol=http&format=json",
		"endpoints.json": "/endpoints?name=routing-api&format=json",
		"changes.json":   "/changes?format=json",
		"events.json":    "/events?format=json",
		"config.json":    "/config?format=json",
	} {
		w := get(h, path)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", path, w.Code, w.Header())
		}
		golden(t, name, w.Body.Bytes())
	}
}

func TestExplainAsJSON(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		router, _ := newRouter(t)
		h := Handler(router)
		w := get(h, "/explain?service=routing-api&product=dispatch&customer=acme&method=GET+/v1/route&format=json")
		if w.Code != http.StatusOK {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		golden(t, "explain.json", w.Body.Bytes())
		var v struct{ Tier, TierBy string }
		if err := json.Unmarshal(get(h, "/explain?service=routing-api&tier=standard&product=dispatch&format=json").Body.Bytes(), &v); err != nil || v.Tier != "standard" || v.TierBy != "context" {
			t.Errorf("%+v, %v", v, err)
		}
		router.Close() // goroutines of a bubble end with it
	})
}

// A golden file without a field would not notice when the field goes.
func TestGoldenFilesAreWhole(t *testing.T) {
	router, _ := newRouter(t)
	h := showing(t, router, example("x"))
	for path, of := range map[string]reflect.Type{
		"/?format=json":                           reflect.TypeFor[Overview](),
		"/service?name=routing-api&format=json":   reflect.TypeFor[Service](),
		"/endpoints?name=routing-api&format=json": reflect.TypeFor[Endpoints](),
		"/changes?format=json":                    reflect.TypeFor[Changes](),
		"/events?format=json":                     reflect.TypeFor[Events](),
		"/config?format=json":                     reflect.TypeFor[Config](),
	} {
		body := get(h, path).Body.String()
		for _, key := range keysOf(of, nil) {
			// What the example hasn't got: only a router that observes has it.
			if !strings.Contains(body, `"`+key+`"`) && key != "observe" && key != "decided" && key != "samples" {
				t.Errorf("%s has no %q", path, key)
			}
		}
	}
}

// keysOf lists the keys of a type's JSON.
func keysOf(of reflect.Type, keys []string) []string {
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return keysOf(of.Elem(), keys)
	case reflect.Struct:
		for i := range of.NumField() {
			if name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); name != "" {
				keys = append(keys, name)
			}
			keys = keysOf(of.Field(i).Type, keys)
		}
	}
	return keys
}

func TestUnknown(t *testing.T) {
	router, _ := newRouter(t)
	h := Handler(router)
	for path, want := range map[string]int{
		"/service?name=none":                            http.StatusNotFound,
		"/service?name=routing-api&protocol=grpc":       http.StatusNotFound,
		"/endpoints":                                    http.StatusNotFound,
		"/live?view=service&name=none":                  http.StatusNotFound,
		"/live?view=config":                             http.StatusNotFound,
		"/?format=xml":                                  http.StatusBadRequest,
		"/explain?format=xml":                           http.StatusBadRequest,
		"/explain?format=json":                          http.StatusBadRequest,
		"/explain?service=none&format=json":             http.StatusNotFound,
		"/explain?service=none":                         http.StatusNotFound,
		"/explain?service=" + strings.Repeat("x", 2000): http.StatusBadRequest,
		"/explain":                                      http.StatusOK,
	} {
		if w := get(h, path); w.Code != want {
			t.Errorf("%s: %d, want %d: %s", path[:min(len(path), 60)], w.Code, want, w.Body)
		}
	}
	router.Close()
	if w := get(Handler(router), "/explain?service=routing-api&format=json"); w.Code != http.StatusServiceUnavailable {
		t.Errorf("closed: %d", w.Code)
	}
	if w := get(Handler(router), "/"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "The router is closed") {
		t.Errorf("closed: %d %s", w.Code, w.Body)
	}
}

// hostile is text that would like to be more than text.
const hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>&lt;\x00\x1b[31m\r\u0085\u202e\u2066\x7f{{.}}"

// pagePaths are all pages.
var pagePaths = []string{
	"/", "/service?name=routing-api", "/endpoints?name=routing-api", "/changes", "/events", "/config", "/explain",
	"/explain?service=routing-api&tier=critical",
	"/explain?service=%3Cscript%3Ealert(1)%3C/script%3E%1b&tier=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&product=%E2%80%AE&customer=%00&method=%0d%0a%3Cimg%20src=x%3E",
}

// Whatever comes from outside is text, in pages, in JSON and in streams.
func TestHostileText(t *testing.T) {
	router, _ := newRouter(t)
	s := example(hostile)
	h := showing(t, router, s)
	check := func(what, body string, page bool) {
		t.Helper()
		for _, r := range body {
			if unicode.Is(unicode.C, r) && r != '\n' && r != '\t' && page || r < ' ' && r != '\n' || r == 0x7f && page {
				t.Errorf("%s has the character %U", what, r)
				break
			}
		}
		for _, tag := range []string{"<script>alert", "<img", "onerror=alert(1)>&lt;"} {
			if page && strings.Contains(body, tag) {
				t.Errorf("%s has %s", what, tag)
			}
		}
	}
	for _, path := range pagePaths {
		body := get(h, path).Body.String()
		check(path, body, true)
		if !strings.Contains(path, "script") && path != "/config" && !strings.HasPrefix(path, "/explain") && !strings.Contains(body, "&lt;script&gt;alert(1)&lt;/script&gt;") {
			t.Errorf("%s doesn't show the text", path)
		}
	}
	for _, path := range []string{"/?format=json", "/service?name=routing-api&format=json", "/endpoints?name=routing-api&format=json", "/changes?format=json", "/events?format=json", "/config?format=json"} {
		body := get(h, path).Body.String()
		check(path, body, false)
		if strings.Contains(body, "<script>") {
			t.Errorf("%s has <script>", path)
		}
		if !json.Valid([]byte(body)) {
			t.Errorf("%s is no JSON", path)
		}
	}
	for _, to := range []room{{view: "overview"}, {view: "changes"}, {view: "events"}, {view: "service", service: "routing-api"}, {view: "endpoints", service: "routing-api"}, {view: "stream"}} {
		message := string(s.changes(to, 0, 5)) + string(s.state(to))
		check(to.view, message, false)
		for _, line := range strings.Split(message, "\n") {
			if line != "" && !regexp.MustCompile(`^(id: \d+|event: [a-z]+|data: \{.*\})$`).MatchString(line) {
				t.Errorf("%s: the line %q", to.view, line)
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok && to.view != "stream" {
				var v struct{ HTML string }
				if err := json.Unmarshal([]byte(data), &v); err != nil || v.HTML == "" {
					t.Errorf("%s: %v", to.view, err)
				}
				check(to.view+" body", v.HTML, true)
			}
		}
	}
}

// Pages refer to nothing but their own neighbours, and have nothing in line.
func TestPagesStayAtHome(t *testing.T) {
	router, _ := newRouter(t)
	h := showing(t, router, example("connection refused"))
	reference := regexp.MustCompile(`(?:href|src|action)="([^"]*)"`)
	local := regexp.MustCompile(`^(\./|#main|(explain|changes|events|config|service|endpoints|style\.css|script\.js|icon\.svg)?(\?.*)?)$`)
	inline := regexp.MustCompile(`(?i)<style|<script(>| [^>]*>[^<])|\sstyle=|\son[a-z]+=|javascript:`)
	for _, path := range pagePaths {
		body := get(h, path).Body.String()
		for _, m := range reference.FindAllStringSubmatch(body, -1) {
			if !local.MatchString(m[1]) {
				t.Errorf("%s refers to %q", path, m[1])
			}
		}
		if m := inline.FindString(body); m != "" {
			t.Errorf("%s has %q", path, m)
		}
		if strings.Count(body, "<h1") != 1 {
			t.Errorf("%s has %d first headings", path, strings.Count(body, "<h1"))
		}
	}
}

// Of many services the overview shows a line each.
func TestManyServices(t *testing.T) {
	router, _ := newRouter(t)
	s := example("x")
	one := s.status.Services[0]
	for i := range 50 {
		one.Name = "service-" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		s.status.Services = append(s.status.Services, one)
	}
	body := get(showing(t, router, s), "/").Body.String()
	if n := strings.Count(body, `<a href="service?name=`); n != 51 {
		t.Errorf("%d links to services", n)
	}
	if strings.Contains(body, "<figure") || len(body) > 100_000 {
		t.Errorf("%d bytes", len(body))
	}
	if !strings.Contains(body, "<span>onprem is down, ") && !strings.Contains(body, "<span>onprem is down.") {
		t.Error("the clouds don't sum up")
	}
}
