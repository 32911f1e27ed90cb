package cloudhttp

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/fairlead-go/fairlead/internal/admission"
)

// loadHeader is the response header that holds a load report.
const loadHeader = "Endpoint-Load-Metrics"

// reportLoad puts the server's load into the header of an answer.
func reportLoad(h http.Header, c *admission.Control) {
	load, ok := c.Load(time.Now())
	if !ok {
		h.Del(loadHeader) // a proxy's load is not that of the server behind it
		return
	}
	text := make([]byte, 0, 80)
	text = append(text, "TEXT application_utilization="...)
	text = strconv.AppendFloat(text, load.Utilization, 'f', 4, 64)
	if load.Rate > 0 {
		text = append(text, ", rps_fractional="...)
		text = strconv.AppendFloat(text, load.Rate, 'f', 2, 64)
	}
	h[loadHeader] = []string{string(text)}
}

// reportingWriter puts the server's load into the header of the answer at the
// moment at which the header is written: with the request it may be long out of
// date. Callers may assert any of the usual interfaces of it.
type reportingWriter struct {
	http.ResponseWriter
	control  *admission.Control
	reported bool // or no answer is to be written any more
}

// Unwrap is for [http.ResponseController].
func (w *reportingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *reportingWriter) report() {
	if !w.reported {
		w.reported = true
		reportLoad(w.Header(), w.control)
	}
}

// WriteHeader adds the report to the final answer. Interim ones have none.
func (w *reportingWriter) WriteHeader(status int) {
	if status >= 200 {
		w.report()
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *reportingWriter) Write(b []byte) (int, error) {
	w.report()
	return w.ResponseWriter.Write(b)
}

func (w *reportingWriter) WriteString(s string) (int, error) {
	w.report()
	return io.WriteString(w.ResponseWriter, s)
}

// ReadFrom lets net/http copy files to sockets in the kernel.
func (w *reportingWriter) ReadFrom(r io.Reader) (int64, error) {
	w.report()
	return io.Copy(w.ResponseWriter, r)
}

func (w *reportingWriter) Flush() { w.FlushError() }

func (w *reportingWriter) FlushError() error {
	w.report()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

func (w *reportingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffer, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.reported = true
	}
	return conn, buffer, err
}

// Push is for HTTP/2, where clients may still take pushes.
func (w *reportingWriter) Push(target string, opts *http.PushOptions) error {
	if pusher, ok := underneath[http.Pusher](w.ResponseWriter); ok {
		return pusher.Push(target, opts)
	}
	return http.ErrNotSupported
}

// CloseNotify makes of it an http.CloseNotifier, which is deprecated, but which
// some frameworks take for granted. Where there is none underneath, the channel
// stays silent.
func (w *reportingWriter) CloseNotify() <-chan bool {
	if notifier, ok := underneath[interface{ CloseNotify() <-chan bool }](w.ResponseWriter); ok {
		return notifier.CloseNotify()
	}
	return make(chan bool)
}

// underneath returns the outermost of the writers that w wraps, itself included, that
// is a T.
func underneath[T any](w http.ResponseWriter) (found T, ok bool) {
	for {
		if found, ok = w.(T); ok {
			return found, true
		}
		wraps, more := w.(interface{ Unwrap() http.ResponseWriter })
		if !more {
			return found, false
		}
		w = wraps.Unwrap()
	}
}
