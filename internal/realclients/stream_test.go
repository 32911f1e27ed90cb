package realclients

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"testing"
	"time"
)

// Events come one at a time: the origin sends each only when the client has
// seen the one before. After the third its cloud is killed, which the client
// gets to know, and a new stream goes through the other cloud.
func TestServerSentEvents(t *testing.T) {
	const events = 6
	seen := make(chan int, 1)
	w := newWorld(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for i := range events {
			io.WriteString(rw, "data: an event\n\n")
			http.NewResponseController(rw).Flush()
			select {
			case n := <-seen:
				if n != i {
					t.Errorf("event %d was seen after event %d was sent", n, i)
				}
			case <-r.Context().Done():
				return
			}
		}
	}))
	read := func(killAfter int) (got int, cloud string, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // if it were buffered it would never end
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+service+"/events", nil)
		resp, err := w.client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		cloud = resp.Header.Get(cloudHeader)
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if lines.Text() == "" {
				continue
			}
			got++
			if got == killAfter {
				w.kill(cloud)
				continue
			}
			seen <- got - 1
		}
		return got, cloud, lines.Err()
	}
	got, first, err := read(3)
	if got != 3 || err == nil {
		t.Errorf("%s was killed after 3 events, but there were %d, with error %v", first, got, err)
	}
	got, second, err := read(-1)
	if got != events || err != nil || second == first {
		t.Errorf("through %s after %s was killed: %d events of %d, %v", second, first, got, events, err)
	}
}

// Interim answers (1xx) reach the client's trace.
func TestEarlyHints(t *testing.T) {
	w := newWorld(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Link", "</style.css>; rel=preload")
		rw.WriteHeader(http.StatusEarlyHints)
		rw.WriteHeader(http.StatusNoContent)
	}))
	var hints []string
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(code int, header textproto.MIMEHeader) error {
			hints = append(hints, http.StatusText(code)+" "+header.Get("Link"))
			return nil
		},
	})
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://"+service+"/", nil)
	resp, err := w.client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(hints) != 1 || hints[0] != "Early Hints </style.css>; rel=preload" || resp.StatusCode != 204 {
		t.Errorf("got %d after %q", resp.StatusCode, hints)
	}
}
