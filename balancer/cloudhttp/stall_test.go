package cloudhttp

import (
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairlead-go/fairlead/health"
)

// TestStall reads answers that come slowly, or no more, without any deadline.
func TestStall(t *testing.T) {
	const bound = 10 * time.Second
	drip := func(n int, every time.Duration) http.HandlerFunc {
		return calls(func(w http.ResponseWriter, r *http.Request) {
			for range n {
				io.WriteString(w, "x")
				http.NewResponseController(w).Flush()
				select {
				case <-time.After(every):
				case <-r.Context().Done():
					return
				}
			}
		})
	}
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		slow    time.Duration // the reader's pause after each read
		bytes   int
		stalled bool
		after   time.Duration
	}{
		{"whole", drip(3, time.Second), 0, 3, false, 3 * time.Second},
		{"drips just in time", drip(5, bound-1), 0, 5, false, 5 * (bound - 1)},
		{"stops", drip(1, time.Hour), 0, 1, true, bound},
		{"stops after a while", drip(3, 2*bound), 0, 1, true, bound},
		{"slow reader", drip(3, time.Second), 3 * bound, 3, false, 9 * bound},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": test.handler})
				e := newEnv(t, config([]string{"http://192.0.2.1"}, nil), WithBase(lan.base), WithStallTimeout(bound))
				began := time.Now()
				resp, err := e.client.Get("http://routing-api/")
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				n, buffer := 0, make([]byte, 100)
				for {
					var k int
					k, err = resp.Body.Read(buffer)
					if n += k; err != nil {
						break
					}
					time.Sleep(test.slow)
				}
				var timeout net.Error
				if stalled := errors.As(err, &timeout) && timeout.Timeout(); stalled != test.stalled || !stalled && err != io.EOF {
					t.Errorf("ended with %v", err)
				}
				if took := time.Since(began); n != test.bytes || took != test.after {
					t.Errorf("read %d bytes in %v, want %d in %v", n, took, test.bytes, test.after)
				}
				want := []seen{{"first", health.OK, "http 200"}}
				if test.stalled {
					want = append(want, seen{"first", health.TimedOut, "body stalled"})
				}
				e.expect(t, want...)
			})
		})
	}
}

// TestUploadIsNoStall waits for an answer that comes when the upload is over:
// as long as that goes on, nothing has stalled.
func TestUploadIsNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lan := network(t, map[string]http.HandlerFunc{"192.0.2.1:80": calls(func(w http.ResponseWriter, r *http.Request) {
			c := http.NewResponseController(w)
			c.EnableFullDuplex()
			c.Flush()
			io.Copy(io.Discard, r.Body)
			io.WriteString(w, "done")
		})})
		e := newEnv(t, config([]string{"http://192.0.2.1"}, nil), WithBase(lan.base), WithStallTimeout(10*time.Second))
		r, w := io.Pipe()
		go func() {
			for range 10 {
				io.WriteString(w, "x")
				time.Sleep(8 * time.Second)
			}
			w.Close()
		}()
		resp, err := e.client.Post("http://routing-api/", "", r)
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, resp); got != "done" {
			t.Errorf("got %q", got)
		}
	})
}
