package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestReadOnly(t *testing.T) {
	router, _ := newRouter(t)
	h := Handler(router)
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"} {
		for _, path := range []string{"/", "/config", "/changes", "/events", "/live?view=overview", "/explain?service=routing-api", "/style.css", "/none"} {
			w := get(h, path, func(r *http.Request) { r.Method = method })
			if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Header())
			}
		}
	}
	for _, path := range []string{"/", "/events?format=sse", "/style.css"} {
		w := get(h, path, func(r *http.Request) { r.Method = http.MethodHead })
		if w.Code != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, w.Code)
		}
	}
}

// There is one way to write each path.
func TestPaths(t *testing.T) {
	router, _ := newRouter(t)
	h := Handler(router)
	bad := []string{
		"//", "//events", "/./events", "/../events", "/events/", "/events/.", "/events/..", "/a//events", "/x/../events", "/%65vents", "/events%2f",
		"/%2fevents", "/%2e%2e/events", "/..%2fevents", "/events%00", "/Events", "/style.css/", "/assets/style.css/..", "/page.html", "/..", "/.",
		"/%252fevents", "/events;a=b", "/events\\", "/ events",
	}
	for _, path := range bad {
		w := get(h, "/", func(r *http.Request) {
			u, err := url.Parse("http://example.com" + strings.ReplaceAll(path, " ", "%20"))
			if err != nil {
				t.Fatal(err)
			}
			r.URL = u
		})
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/", "/changes", "/events", "/config", "/explain", "/style.css", "/script.js", "/icon.svg", "/a/b/", "/a/b/events"} {
		if w := get(h, path); w.Code != http.StatusOK {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}

// The handler works wherever it is mounted, and answers there only.
func TestMounted(t *testing.T) {
	router, _ := newRouter(t)
	h := Handler(router)
	for _, pattern := range []string{"/debug/fairlead/", "GET /debug/fairlead/", "example.com/debug/fairlead/", "/debug/{what}/"} {
		for _, stripped := range []bool{false, true} {
			mux := http.NewServeMux()
			if stripped {
				mux.Handle(pattern, http.StripPrefix("/debug/fairlead", h))
			} else {
				mux.Handle(pattern, h)
			}
			for path, want := range map[string]int{
				"/debug/fairlead/":              http.StatusOK,
				"/debug/fairlead/events":        http.StatusOK,
				"/debug/fairlead/style.css":     http.StatusOK,
				"/debug/fairlead/none":          http.StatusNotFound,
				"/debug/fairlead/x/none":        http.StatusNotFound,
				"/debug/fairlead/%65vents":      http.StatusNotFound,
				"/debug/fairlead/x%2fevents":    http.StatusNotFound,
				"/debug/fairlead/events/":       http.StatusNotFound,
				"/debug/fairlead/../events":     http.StatusNotFound, // where the mux leads
				"/debug/fairlead//events":       http.StatusOK,       // likewise
				"/debug/fairlead/%2e%2e/events": http.StatusNotFound,
			} {
				w := follow(mux, path)
				if w.Code != want {
					t.Errorf("%s, stripped %v: %s: %d, want %d", pattern, stripped, path, w.Code, want)
				}
			}
			if strings.Contains(pattern, "{") || stripped {
				continue
			}
			// Where the prefix is known nothing may be between it and the view.
			if w := follow(mux, "/debug/fairlead/x/events"); w.Code != http.StatusNotFound {
				t.Errorf("%s: x/events: %d", pattern, w.Code)
			}
		}
	}
}

// follow asks as a browser does.
func follow(h http.Handler, path string) *httptest.ResponseRecorder {
	for range 5 {
		w := get(h, "http://example.com/", func(r *http.Request) {
			u, err := url.Parse("http://example.com" + path)
			if err != nil {
				panic(err)
			}
			r.URL = u
		})
		if w.Code != http.StatusMovedPermanently && w.Code != http.StatusTemporaryRedirect {
			return w
		}
		path = w.Header().Get("Location")
	}
	panic("redirects without end")
}

func TestHeaders(t *testing.T) {
	router, _ := newRouter(t)
	h := Handler(router, WithAuthorizer(func(r *http.Request) error {
		if r.Header.Get("X-Test") != "" {
			return errors.New("no")
		}
		return nil
	}))
	for _, w := range []*httptest.ResponseRecorder{
		get(h, "/"), get(h, "/none"), get(h, "/events?format=json"), get(h, "/style.css"), get(h, "/?format=xml"),
		get(h, "/", func(r *http.Request) { r.Method = "POST" }), get(h, "/", func(r *http.Request) { r.Header.Set("X-Test", "1") }),
	} {
		header := w.Header()
		csp := header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, part) {
				t.Errorf("%d: the policy lacks %s: %s", w.Code, part, csp)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") || strings.Contains(csp, "data:") {
			t.Errorf("the policy is %s", csp)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") != "no-referrer" || header.Get("Content-Type") == "" {
			t.Errorf("%d: %v", w.Code, header)
		}
		for _, no := range []string{"Set-Cookie", "Access-Control-Allow-Origin", "Location"} {
			if header.Get(no) != "" {
				t.Errorf("%s: %s", no, header.Get(no))
			}
		}
	}
}

func TestAuthorizer(t *testing.T) {
	router, _ := newRouter(t)
	var verdict error
	h := Handler(router, WithAuthorizer(func(*http.Request) error { return verdict }))
	paths := []string{"/", "/config?format=json", "/changes", "/events?format=sse", "/live?view=overview", "/explain?service=routing-api", "/style.css"}
	for _, test := range []struct {
		err       error
		code      int
		challenge string
	}{
		{errors.New("the password is hunter2"), http.StatusForbidden, ""},
		{&Unauthenticated{}, http.StatusUnauthorized, ""},
		{fmt.Errorf("no token: %w", &Unauthenticated{Challenge: `Basic realm="fairlead"`}), http.StatusUnauthorized, `Basic realm="fairlead"`},
	} {
		verdict = test.err
		for _, path := range paths {
			w := get(h, path)
			if w.Code != test.code || w.Header().Get("WWW-Authenticate") != test.challenge || strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("%v: %s: %d %s %s", test.err, path, w.Code, w.Header(), w.Body)
			}
		}
	}
	verdict = nil
	if w := get(h, "/"); w.Code != http.StatusOK {
		t.Errorf("allowed: %d", w.Code)
	}
}

// What a config says of secrets is where they are.
func TestConfigHasNoSecret(t *testing.T) {
	router, _ := newRouter(t)
	body := get(Handler(router), "/config").Body.String()
	if strings.Contains(body, "not so secret") || !strings.Contains(body, "levelKey: env:FAIRLEAD_TEST_LEVEL_KEY") {
		t.Errorf("%s", body)
	}
}
