package cloudhttp

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/fairlead-go/fairlead/health"
)

// bodies are a request's body in each form it can have.
var bodies = map[string]struct {
	size int
	make func(content string) (body io.ReadCloser, length int64, again func() (io.ReadCloser, error))
	once bool // can't be repeated
}{
	"none":     {0, func(string) (io.ReadCloser, int64, func() (io.ReadCloser, error)) { return nil, 0, nil }, false},
	"no body":  {0, func(string) (io.ReadCloser, int64, func() (io.ReadCloser, error)) { return http.NoBody, 0, nil }, false},
	"GetBody":  {100 << 10, withGetBody, false},
	"small":    {64 << 10, withLength, false},
	"large":    {64<<10 + 1, withLength, true},
	"streamed": {10, func(s string) (io.ReadCloser, int64, func() (io.ReadCloser, error)) { return stream(s), -1, nil }, true},
}

func stream(content string) *closer { return &closer{Reader: strings.NewReader(content)} }

func withLength(content string) (io.ReadCloser, int64, func() (io.ReadCloser, error)) {
	return stream(content), int64(len(content)), nil
}

func withGetBody(content string) (io.ReadCloser, int64, func() (io.ReadCloser, error)) {
	return stream(content), int64(len(content)), func() (io.ReadCloser, error) { return stream(content), nil }
}

// TestBodies sends each form of body past a first cloud that fails in some way,
// and looks at what reaches the second.
func TestBodies(t *testing.T) {
	const ok, failed = http.StatusOK, 0
	for _, test := range []struct {
		name  string
		first func(*testing.T) string
		// The status that the call ends with, for a body that can be repeated
		// and one that can't, of an idempotent request.
		repeated, once int
	}{
		{"nobody there", nobody, ok, ok},
		{"hung up after reading", func(t *testing.T) string { return serve(t, hangUp(true)) }, ok, failed},
		{"error after reading", func(t *testing.T) string { return serve(t, refuse(500, "")) }, ok, 500},
		{"pushback after reading", func(t *testing.T) string { return serve(t, refuse(503, "1")) }, ok, 503},
	} {
		for form, body := range bodies {
			t.Run(test.name+"/"+form, func(t *testing.T) {
				content := strings.Repeat("0123456789", body.size/10+1)[:body.size]
				var mu sync.Mutex
				var got []byte
				second := serve(t, calls(func(_ http.ResponseWriter, r *http.Request) {
					mu.Lock()
					defer mu.Unlock()
					got, _ = io.ReadAll(r.Body)
				}))
				e := newEnv(t, config([]string{test.first(t)}, []string{second}))
				req, err := http.NewRequest("PUT", "http://routing-api/", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Body, req.ContentLength, req.GetBody = body.make(content)
				original := req.Body

				want := test.repeated
				if body.once {
					want = test.once
				}
				resp, err := e.transport.RoundTrip(req)
				switch {
				case want == failed:
					if err == nil {
						t.Fatalf("status %d, want an error", resp.StatusCode)
					}
				case err != nil:
					t.Fatal(err)
				default:
					text(t, resp)
					mu.Lock()
					defer mu.Unlock()
					if resp.StatusCode != want {
						t.Errorf("status %d, want %d", resp.StatusCode, want)
					}
					if want == ok && string(got) != content {
						t.Errorf("the second cloud got %d bytes, want %d", len(got), len(content))
					}
				}
				if c, ok := original.(*closer); ok && !c.isClosed() {
					t.Error("the body wasn't closed")
				}
			})
		}
	}
}

// refuse is a handler that reads the body and answers with a status.
func refuse(status int, after string) http.HandlerFunc {
	return calls(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if after != "" {
			w.Header().Set("Retry-After", after)
		}
		w.WriteHeader(status)
	})
}

// TestGetBodyFails has a body that GetBody can't repeat after all.
func TestGetBodyFails(t *testing.T) {
	e := newEnv(t, config([]string{nobody(t)}, []string{serve(t, say("second"))}))
	req, err := http.NewRequest("PUT", "http://routing-api/", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	req.GetBody = func() (io.ReadCloser, error) { return nil, gone }
	if _, err := e.transport.RoundTrip(req); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	e.expect(t, seen{"first", health.Refused, "connection refused"}, seen{"second", health.Neutral, "request"})
}

// TestTrailer sends a trailer whose value is known when the body was read.
func TestTrailer(t *testing.T) {
	var got string
	e := newEnv(t, config([]string{serve(t, calls(func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		got = r.Trailer.Get("Sum")
	}))}, nil))
	req, err := http.NewRequest("PUT", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Trailer = http.Header{"Sum": nil}
	req.ContentLength = -1
	req.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) {
		req.Trailer.Set("Sum", "42")
		return 0, io.EOF
	})))
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got != "42" {
		t.Errorf("the server got the trailer %q", got)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestUntracedBase doesn't repeat a request on the word of a transport that
// doesn't say how far it got.
func TestUntracedBase(t *testing.T) {
	for _, test := range []struct {
		err  error
		want []seen
	}{
		{errors.New("something"), []seen{{"first", health.Broken, "broken connection"}}},
		{&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
			[]seen{{"first", health.Refused, "connection refused"}, {"second", health.OK, "http 200"}}},
	} {
		e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}), fake(map[string]roundTrip{
			"first":  func(*http.Request) (*http.Response, error) { return nil, test.err },
			"second": func(*http.Request) (*http.Response, error) { return response(200, ""), nil },
		}))
		if resp, err := e.client.Post("http://routing-api/", "", strings.NewReader("x")); err == nil {
			resp.Body.Close()
		}
		e.expect(t, test.want...)
	}
}
