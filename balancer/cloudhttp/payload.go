package cloudhttp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// smallBody is the longest body that is read into memory so that it can be
// sent twice.
const smallBody = 64 << 10

// payload is the body of a request, prepared for more than one attempt:
//
//   - One that GetBody can repeat is repeated by it.
//   - One without GetBody whose length is known to be at most 64 KiB is read
//     into memory first.
//   - Any other can be sent once. It is lent to one attempt after the other
//     until one has begun to read it; then no other can be made.
//
// The trip's mu guards it once there may be two attempts.
type payload struct {
	body  io.ReadCloser                 // the caller's; nil if it needn't be closed
	again func() (io.ReadCloser, error) // another copy; nil if there is only one, or nothing
	empty bool
	size  int64 // as promised to the server; 0: unknown
	loan  *loan // to the latest attempt; nil: none yet, or nothing
}

// take takes the request's body over: it is closed even on an error.
func (p *payload) take(req *http.Request) error {
	switch {
	case req.Body == nil:
		p.empty = true
	case req.Body == http.NoBody:
		p.empty, p.body = true, req.Body
	case req.GetBody == nil && 0 < req.ContentLength && req.ContentLength <= smallBody:
		return p.read(req)
	default:
		p.body, p.again, p.size = req.Body, req.GetBody, req.ContentLength
	}
	return nil
}

// read reads a small body into memory.
func (p *payload) read(req *http.Request) error {
	defer req.Body.Close()
	content, err := io.ReadAll(io.LimitReader(req.Body, req.ContentLength+1))
	if err != nil {
		return fmt.Errorf("cloudhttp: reading the request's body: %w", err)
	}
	switch n := int64(len(content)); {
	case n < req.ContentLength:
		return fmt.Errorf("cloudhttp: the request's body has %d bytes, its ContentLength is %d", n, req.ContentLength)
	case n > req.ContentLength:
		return fmt.Errorf("cloudhttp: the request's body is longer than its ContentLength, %d", req.ContentLength)
	}
	p.again = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	return nil
}

// repeatable reports whether the body can be sent as often as one likes.
func (p *payload) repeatable() bool { return p.empty || p.again != nil }

// next returns the body for the next attempt, which will close it, nil if it is
// empty.
func (p *payload) next() (*loan, error) {
	if p.empty {
		return nil, nil
	}
	first := p.loan == nil
	if !first && p.again == nil && !p.loan.recall() {
		return nil, errors.New("cloudhttp: the request's body was read and cannot be sent again")
	}
	if p.again == nil || first && p.body != nil {
		p.loan = p.lend(p.body)
		return p.loan, nil
	}
	body, err := p.again()
	if err != nil {
		return nil, fmt.Errorf("cloudhttp: repeating the request's body: %w", err)
	}
	p.loan = p.lend(body)
	return p.loan, nil
}

func (p *payload) lend(body io.ReadCloser) *loan {
	l := &loan{body: body, size: p.size, kept: p.again == nil}
	l.upload = &l.first
	return l
}

// spent reports whether the body, lent to the latest attempt, can't be sent again.
func (p *payload) spent() bool { return !p.repeatable() && p.loan.read() }

// release ends the call's hold on the body.
func (p *payload) release() {
	switch {
	case p.body == nil:
	case p.loan == nil:
		p.body.Close()
	default:
		p.loan.leave()
	}
}

// loan is a body lent to one attempt. A transport closes a body also when it
// fails before having read any of it; a loan that is kept closes the body only
// once it was read or the call is over.
type loan struct {
	body   io.ReadCloser
	size   int64 // 0: unknown
	upload *upload
	first  upload // the attempt's, if this is the first copy of the body

	mu       sync.Mutex // the transport's goroutines outlive the attempt
	kept     bool
	begun    bool // to be read
	count    int64
	closed   bool
	recalled bool
}

// sent returns what is known of the body that the attempt sends. A nil loan is that
// of nothing.
func (l *loan) sent() *upload {
	if l == nil {
		return new(upload)
	}
	return l.upload
}

// failed reports whether the body could not be read or was not as long as
// promised, which is no fault of the target.
func (l *loan) failed() bool { return l != nil && l.upload.bad.Load() }

// upload is what is known of the body that one attempt sends, over all the
// copies that it takes.
type upload struct {
	read atomic.Int64 // bytes
	bad  atomic.Bool  // can't be read, or isn't as long as promised
}

var errRecalled = errors.New("cloudhttp: the attempt is over")

func (l *loan) Read(b []byte) (int, error) {
	l.mu.Lock()
	if l.recalled {
		l.mu.Unlock()
		return 0, errRecalled
	}
	l.begun = true
	l.mu.Unlock()
	n, err := l.body.Read(b)
	l.mu.Lock()
	l.count += int64(n)
	short, long := err == io.EOF && l.count < l.size, l.size > 0 && l.count > l.size
	// A transport whose connection breaks closes the body under its reader:
	// then it isn't the body that is bad.
	bad := !l.closed && (err != nil && err != io.EOF || short || long)
	l.mu.Unlock()
	l.upload.read.Add(int64(n))
	if bad {
		l.upload.bad.Store(true)
	}
	return n, err
}

func (l *loan) Close() error {
	l.mu.Lock()
	l.closed = true
	later := l.kept && !l.begun // by leave, or by another loan
	l.mu.Unlock()
	if later {
		return nil
	}
	return l.body.Close()
}

// recall takes the body back for another attempt: nothing will be read of it in
// this one. It reports false if that is too late.
func (l *loan) recall() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.recalled = !l.begun
	return l.recalled
}

// leave makes the body the transport's alone, as no other attempt will follow.
func (l *loan) leave() {
	l.mu.Lock()
	forgotten := l.kept && l.closed && !l.begun
	l.kept = false
	l.mu.Unlock()
	if forgotten {
		l.body.Close()
	}
}

func (l *loan) read() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.begun
}
