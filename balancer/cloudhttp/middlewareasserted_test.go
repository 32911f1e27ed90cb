package cloudhttp

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// notifier is http.CloseNotifier, which is deprecated.
type notifier interface{ CloseNotify() <-chan bool }

// wrapping is another middleware's writer, as ResponseController expects them.
type wrapping struct{ http.ResponseWriter }

func (w wrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// hiding wraps nothing that one could see.
type hiding struct{ http.ResponseWriter }

// TestMiddlewareNotifiesOfClose asserts of the writer what some frameworks do without
// asking, and has the client leave.
func TestMiddlewareNotifiesOfClose(t *testing.T) {
	notified := make(chan bool)
	h := Middleware(halfFull())(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		gone := w.(notifier).CloseNotify()
		w.(http.Flusher).Flush()
		notified <- <-gone
	}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(wrapping{w}, r) }))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	resp, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if !<-notified {
		t.Error("the channel was closed")
	}
}

// TestMiddlewareWithoutNotifier has nothing underneath that would notice.
func TestMiddlewareWithoutNotifier(t *testing.T) {
	arrive(Middleware(halfFull())(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-w.(notifier).CloseNotify():
			t.Error("the client has left")
		default:
		}
	})), "GET", "/", nil)
}

// pushing is a writer that takes pushes.
type pushing struct {
	http.ResponseWriter
	pushed *[]string
}

func (p pushing) Push(target string, _ *http.PushOptions) error {
	*p.pushed = append(*p.pushed, target)
	return nil
}

// TestMiddlewarePushes passes pushes on to whoever takes them.
func TestMiddlewarePushes(t *testing.T) {
	for _, test := range []struct {
		name   string
		under  func(pushing) http.ResponseWriter
		pushes bool
	}{
		{"at once", func(p pushing) http.ResponseWriter { return p }, true},
		{"wrapped", func(p pushing) http.ResponseWriter { return wrapping{wrapping{p}} }, true},
		{"hidden", func(p pushing) http.ResponseWriter { return hiding{p} }, false},
		{"nobody", func(p pushing) http.ResponseWriter { return p.ResponseWriter }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			var pushed []string
			h := Middleware(halfFull())(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if err := w.(http.Pusher).Push("/style.css", nil); (err == nil) != test.pushes || err != nil && !errors.Is(err, http.ErrNotSupported) {
					t.Error(err)
				}
				io.WriteString(w, "a page")
			}))
			h.ServeHTTP(test.under(pushing{httptest.NewRecorder(), &pushed}), httptest.NewRequest("GET", "/", nil))
			if (len(pushed) == 1) != test.pushes {
				t.Errorf("pushed %q", pushed)
			}
		})
	}
}
