package cloudhttp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/fairlead-go/fairlead/health"
)

// TestInterimAnswers reports 103 to the caller's trace, and goes on to 200.
func TestInterimAnswers(t *testing.T) {
	e := newEnv(t, config([]string{serve(t, calls(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>")
		w.WriteHeader(http.StatusEarlyHints)
		io.WriteString(w, "done")
	}))}, nil))
	var hints atomic.Int64
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			if code == http.StatusEarlyHints && h.Get("Link") != "" {
				hints.Add(1)
			}
			return nil
		},
	})
	req, err := http.NewRequestWithContext(ctx, "GET", "http://routing-api/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, resp); got != "done" || hints.Load() != 1 {
		t.Errorf("got %q and %d hints", got, hints.Load())
	}
	e.expect(t, seen{"first", health.OK, "http 200"})
}

// TestExpectContinue sends a body only where it is wanted: the first cloud
// turns the request away on its header, the second takes it whole.
func TestExpectContinue(t *testing.T) {
	second := serve(t, calls(func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }))
	first := serve(t, calls(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	e := newEnv(t, config([]string{first}, []string{second}))
	body := stream("body")
	req, err := http.NewRequest("POST", "http://routing-api/", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Expect", "100-continue")
	resp, err := e.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if got := text(t, resp); got != "body" {
		t.Errorf("got %d %q", resp.StatusCode, got)
	}
	e.expect(t, seen{"first", health.Overloaded, "http 503"}, seen{"second", health.OK, "http 200"})
	if !body.isClosed() {
		t.Error("the body wasn't closed")
	}
}

// TestUnknownLength has a body whose ContentLength is 0, which means unknown
// and not empty, with and without GetBody.
func TestUnknownLength(t *testing.T) {
	for _, again := range []bool{false, true} {
		var length int64
		var got []byte
		e := newEnv(t, config([]string{nobody(t)}, []string{serve(t, calls(func(_ http.ResponseWriter, r *http.Request) {
			length = r.ContentLength
			got, _ = io.ReadAll(r.Body)
		}))}))
		req, err := http.NewRequest("PUT", "http://routing-api/", stream("body"))
		if err != nil {
			t.Fatal(err)
		}
		if again {
			req.GetBody = func() (io.ReadCloser, error) { return stream("body"), nil }
		}
		resp, err := e.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if string(got) != "body" || length != -1 {
			t.Errorf("the server got %q of length %d", got, length)
		}
	}
}

// TestHeaderLimit has a server whose header has no end.
func TestHeaderLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{
			"192.0.2.1:80": calls(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X", strings.Repeat("x", headerLimit+1))
			}),
			"192.0.2.2:80": say("second"),
		})
		e := newEnv(t, config([]string{"http://192.0.2.1"}, []string{"http://192.0.2.2"}), WithBase(lan.base))
		if _, body := e.get(t, "http://routing-api/"); body != "second" {
			t.Errorf("got %q", body)
		}
		e.expect(t, seen{"first", health.Broken, "broken connection"}, seen{"second", health.OK, "http 200"})
	})
}

// TestShortBody has a server that promises more than it sends: the caller gets
// an error, not a short answer.
func TestShortBody(t *testing.T) {
	e := newEnv(t, config([]string{serve(t, calls(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort")
		conn.Close()
	}))}, nil))
	resp, err := e.client.Get("http://routing-api/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %q, %v", got, err)
	}
	e.expect(t, seen{"first", health.OK, "http 200"}, seen{"first", health.Broken, "eof"})
}
