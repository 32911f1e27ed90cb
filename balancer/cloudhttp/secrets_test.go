package cloudhttp

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/http/httputil"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// witness is a server that remembers all that it was sent.
type witness struct {
	mu  sync.Mutex
	log bytes.Buffer
}

func (w *witness) saw(token string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return bytes.Contains(w.log.Bytes(), []byte(token))
}

// handle notes the request, trailers included, and behaves in some way.
func (w *witness) handle(behave http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		dump, _ := httputil.DumpRequest(r, true)
		w.mu.Lock()
		w.log.Write(dump)
		fmt.Fprintln(&w.log, r.Trailer)
		w.mu.Unlock()
		if r.UserAgent() != ProbeUserAgent {
			behave(rw, r)
		}
	}
}

// TestSecretsStayInTheirGroup makes calls with secrets while clouds fail and
// redirect in all ways. Whatever is meant for one trust group, a caller's
// headers, what the hook attaches or a cookie that a cloud has set, no server of
// the other sees.
func TestSecretsStayInTheirGroup(t *testing.T) {
	var mine, theirs witness
	var turn int
	var mu sync.Mutex
	var target string // of redirects
	behave := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		turn++
		now := turn
		mu.Unlock()
		group := r.Header.Get("X-Group")
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "cookie-of-" + group})
		switch now % 7 {
		case 0:
			http.Error(w, "", http.StatusInternalServerError)
		case 1:
			w.Header().Set("Retry-After", "0")
			http.Error(w, "", http.StatusServiceUnavailable)
		case 2:
			http.Redirect(w, r, target, http.StatusTemporaryRedirect)
		case 3:
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		case 4:
			panic(http.ErrAbortHandler)
		default:
			io.WriteString(w, "ok")
		}
	}
	quietly := func(w *witness) string {
		s := newQuietServer(t, w.handle(behave))
		target = s + "/redirected" // the last one made: theirs
		return s
	}
	first, third := quietly(&mine), quietly(&mine)
	second, fourth := quietly(&theirs), quietly(&theirs)
	cfg := config([]string{first, third}, []string{second, fourth})
	cfg.Clouds["first"] = balancer.Cloud{Weight: 1, Trust: "mine"}
	cfg.Clouds["second"] = balancer.Cloud{Weight: 1, Trust: "theirs"}
	service := cfg.Services["routing-api"]
	service.Trust = "mine"
	cfg.Services["routing-api"] = service
	cfg.Sensitive = []string{"X-Acme"}
	cfg.Retry.Fraction, cfg.Retry.Floor = 1, 1000
	cfg.Health.Ejection.Consecutive = 1000
	cfg.Health.Probe.Interval = 20 * time.Millisecond
	e := newEnv(t, cfg, WithSign(func(at balancer.Attempt, req *http.Request) error {
		group := map[string]string{"first": "mine", "second": "theirs"}[at.Cloud()]
		req.Header.Set("X-Group", group)
		req.Header.Set("X-Signature", "signature-of-"+group)
		req.Header.Add("X-Many", "added-for-"+group)
		return nil
	}))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	e.client.Jar = jar
	for i := range 300 {
		req, err := http.NewRequest("PUT", "http://user:canary-password@routing-api/", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Authorization", "Cookie", "Proxy-Authorization", "X-Api-Key", "X-Acme"} {
			if i%2 == 0 || name != "Authorization" { // else http.Client takes it from the URL
				req.Header.Set(name, "canary")
			}
		}
		req.Header["x-api-KEY"] = []string{"canary"}
		req.Header["X-Many"] = append(make([]string, 0, 8), "one")
		if i%3 == 0 {
			req.Body, req.GetBody, req.ContentLength = stream("body"), nil, -1
			req.Trailer = http.Header{"X-Acme": {"canary"}}
		}
		if resp, err := e.client.Do(req); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
	}
	for token, want := range map[string][2]bool{ // seen by mine, by theirs
		"canary":               {true, false},
		"Y2FuYXJ5":             {false, false}, // is base64 of canary
		"dXNlcjpjYW5hcnktcGFz": {true, false},  // of user:canary-password
		"signature-of-mine":    {true, false},
		"signature-of-theirs":  {false, true},
		"added-for-mine":       {true, false},
		"added-for-theirs":     {false, true},
		"cookie-of-mine":       {true, false},
		"cookie-of-theirs":     {false, false},
	} {
		if got := [2]bool{mine.saw(token), theirs.saw(token)}; got != want {
			t.Errorf("%s was seen by mine and by theirs: %v, want %v", token, got, want)
		}
	}
}

// TestHedgesKeepSecrets: of a call that is made in both trust groups at a time, each
// server sees what is for its group.
func TestHedgesKeepSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mine, theirs witness
		var mu sync.Mutex
		hedges := map[string]int{}
		e, first, second := hedgedEnv(t, func(cfg *balancer.Config) {
			cfg.Clouds["first"] = balancer.Cloud{Weight: 1, Trust: "mine"}
			cfg.Clouds["second"] = balancer.Cloud{Weight: 1, Trust: "theirs"}
			service := cfg.Services["routing-api"]
			service.Trust = "mine"
			cfg.Services["routing-api"] = service
			cfg.Tiers[0].Hedge, cfg.Retry.Fraction = 0.5, 1
		}, WithSign(func(at balancer.Attempt, req *http.Request) error {
			mu.Lock()
			defer mu.Unlock()
			if at.Hedge() {
				hedges[at.Cloud()]++
			}
			req.Header.Set("X-Signature", "signature-of-"+at.Cloud())
			req.Header.Add("X-Many", "added-for-"+at.Cloud())
			return nil
		}))
		first.watch(&mine)
		second.watch(&theirs)
		for range 100 {
			// The first attempt and its hedge answer at about the same time.
			first.set(12 * time.Millisecond)
			second.set(11 * time.Millisecond)
			req, err := http.NewRequest("PUT", "http://user:canary-password@routing-api/", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"Authorization", "Cookie", "X-Api-Key"} {
				req.Header.Set(name, "canary")
			}
			req.Header["X-Many"] = append(make([]string, 0, 8), "one")
			resp, err := e.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		synctest.Wait()
		for token, want := range map[string][2]bool{ // seen by mine, by theirs
			"canary":              {true, false},
			"signature-of-first":  {true, false},
			"signature-of-second": {false, true},
			"added-for-first":     {true, false},
			"added-for-second":    {false, true},
		} {
			if got := [2]bool{mine.saw(token), theirs.saw(token)}; got != want {
				t.Errorf("%s was seen by mine and by theirs: %v, want %v", token, got, want)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if hedges["first"] < 10 || hedges["second"] < 10 {
			t.Errorf("hedges by cloud: %v", hedges)
		}
	})
}

// TestNobodyIsTrusted has clouds of two groups and doesn't say whom the
// callers' credentials are for.
func TestNobodyIsTrusted(t *testing.T) {
	var got string
	cfg := config([]string{serve(t, calls(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") }))}, []string{nobody(t)})
	cfg.Clouds["second"] = balancer.Cloud{Weight: 1, Trust: "theirs"}
	e := newEnv(t, cfg)
	req, err := http.NewRequest("GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "canary")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got != "" {
		t.Errorf("the cloud got %q", got)
	}
}

// TestLateTrailers adds trailers when the body has been read, as one may, and
// one of them is a secret that nothing announced.
func TestLateTrailers(t *testing.T) {
	for _, test := range []struct {
		scheme, trust string
		want          http.Header
	}{
		{"http", "one", http.Header{"Sum": {"42"}, "X-Api-Key": {"canary"}}},
		{"http", "two", http.Header{"Sum": {"42"}}},
		{"h2c", "two", http.Header{"Sum": {"42"}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			var got http.Header
			lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": calls(func(_ http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				got = r.Trailer
			})})
			cfg := config([]string{test.scheme + "://192.0.2.1"}, nil)
			cfg.Clouds["first"] = balancer.Cloud{Weight: 1, Trust: "one"}
			service := cfg.Services["routing-api"]
			service.Trust = test.trust
			cfg.Services["routing-api"] = service
			cfg.Clouds["other"] = balancer.Cloud{Weight: 1, Trust: "two"}
			service.Clouds["other"] = balancer.ServiceCloud{HTTP: []string{"http://192.0.2.2"}}
			cfg.Tiers[0].Clouds.Only = []string{"first"}
			e := newEnv(t, cfg, WithBase(lan.base))
			req, err := http.NewRequest("PUT", "http://routing-api/", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength, req.Trailer = -1, http.Header{"Sum": nil}
			req.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) {
				req.Trailer.Set("Sum", "42")
				req.Trailer.Set("X-Api-Key", "canary")
				return 0, io.EOF
			})))
			resp, err := e.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if !maps.EqualFunc(got, test.want, slices.Equal) {
				t.Errorf("over %s to a cloud of group one, for %s: the server got %v, want %v", test.scheme, test.trust, got, test.want)
			}
		})
	}
}
