package cloudhttp

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"pgregory.net/rapid"
)

// strict is a body that minds how it is used.
type strict struct {
	bytes.Reader
	t      *rapid.T
	closed int
}

func (s *strict) Read(p []byte) (int, error) {
	if s.closed > 0 {
		s.t.Fatal("read after Close")
	}
	return s.Reader.Read(p)
}

func (s *strict) Close() error { s.closed++; return nil }

// TestLoan lends a body to attempts that fail at any point: it reaches one of
// them whole, or none from the middle on, and is closed in the end.
func TestLoan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		content := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "content")
		original := &strict{t: t}
		original.Reset(content)
		var p payload
		if err := p.take(&http.Request{Body: original, ContentLength: -1}); err != nil {
			t.Fatal(err)
		}
		var late []io.ReadCloser // bodies of attempts that are over
		for range rapid.IntRange(0, 5).Draw(t, "attempts") {
			body, err := p.next()
			if err != nil {
				if !p.spent() {
					t.Fatalf("an unread body can't be sent again: %v", err)
				}
				break
			}
			if n := rapid.IntRange(-1, 100).Draw(t, "read"); n >= 0 {
				got, err := io.ReadAll(io.LimitReader(body, int64(n)))
				if err != nil || !bytes.HasPrefix(content, got) {
					t.Fatalf("read %q, %v", got, err)
				}
			}
			late = append(late, body)
			if rapid.Bool().Draw(t, "close") {
				body.Close()
			}
		}
		released := rapid.Bool().Draw(t, "released first")
		if released {
			p.release()
		}
		for _, body := range late {
			body.Close()
		}
		if !released {
			p.release()
		}
		if original.closed == 0 {
			t.Fatal("the body wasn't closed")
		}
	})
}

// TestLateRead has an attempt read the body when it has been lent to the next.
func TestLateRead(t *testing.T) {
	original := stream("hello")
	var p payload
	if err := p.take(&http.Request{Body: original, ContentLength: -1}); err != nil {
		t.Fatal(err)
	}
	first, err := p.next()
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.next()
	if err != nil {
		t.Fatal(err)
	}
	if n, err := first.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("the first attempt read %d bytes, %v", n, err)
	}
	first.Close()
	if original.isClosed() {
		t.Error("the first attempt closed the body under the second")
	}
	if got, err := io.ReadAll(second); string(got) != "hello" || err != nil {
		t.Errorf("the second attempt read %q, %v", got, err)
	}
	if first.failed() || second.failed() {
		t.Error("a late read counts as a fault of the body")
	}
}

// TestRepeatedByNetHTTP reads a copy that net/http takes by itself, as when a
// connection turns out to be dead. It counts as the attempt's.
func TestRepeatedByNetHTTP(t *testing.T) {
	for _, short := range []bool{false, true} {
		content := "a body"
		req := &http.Request{Body: stream(content), ContentLength: int64(len(content))}
		req.GetBody = func() (io.ReadCloser, error) {
			if short {
				return stream(content[1:]), nil
			}
			return stream(content), nil
		}
		var r trip
		if err := r.payload.take(req); err != nil {
			t.Fatal(err)
		}
		first, err := r.payload.next()
		if err != nil {
			t.Fatal(err)
		}
		first.Close()
		repeat := (&exchange{trip: &r, lent: first}).repeat()
		again, err := repeat()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(again)
		if err != nil || first.sent().read.Load() != int64(len(got)) {
			t.Errorf("read %d bytes, counted %d: %v", len(got), first.sent().read.Load(), err)
		}
		if first.failed() != short {
			t.Errorf("%d of %d bytes: failed is %v", len(got), len(content), first.failed())
		}
		r.end()
		if _, err := repeat(); err == nil {
			t.Error("the body is repeated when the call has ended")
		}
	}
}
