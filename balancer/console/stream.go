package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	eventStream = "text/event-stream"
	// streamLasts is how long a stream lasts at most. Browsers then ask again, and
	// so does whoever is asked before each.
	streamLasts = 5 * time.Minute
	// writeTimeout is how long a viewer may take to read what it is sent.
	writeTimeout = 10 * time.Second
)

// changes are the events that a room is sent: those after the event known, up to
// the event last. Only those who follow the events get them one by one. Whoever knows
// a later one than there is has it from a process that was here before, and gets all.
func (s *snapshot) changes(to room, known, last uint64) []byte {
	var b bytes.Buffer
	if known > s.lastEvent() {
		known = 0
	}
	for i := range s.history.Events {
		if e := &s.history.Events[i]; to.view == "stream" && e.ID > known && e.ID <= last {
			fmt.Fprintf(&b, "id: %d\n", e.ID)
			writeEvent(&b, "change", newEvent(e))
		}
	}
	return b.Bytes()
}

// state is what a room is sent of how things are, as a server-sent event.
func (s *snapshot) state(to room) []byte {
	var b bytes.Buffer
	if to.view == "stream" {
		writeEvent(&b, "overview", s.overview())
		return b.Bytes()
	}
	html, err := s.body(to)
	if err != nil {
		writeEvent(&b, "gone", err.Error())
		return b.Bytes()
	}
	writeEvent(&b, "body", struct {
		At   string `json:"at"`
		HTML string `json:"html"`
	}{clock(s.status.At), string(html)})
	return b.Bytes()
}

// body renders the part of a page that changes.
func (s *snapshot) body(to room) ([]byte, error) {
	switch to.view {
	case "overview":
		return render("overview-body", s.overviewPage().Body)
	case "changes":
		return render("changes-body", s.changesPage().Body)
	case "events":
		return render("events-body", s.eventsPage().Body)
	}
	of := s.find(to.service, to.protocol)
	if of == nil {
		return nil, fmt.Errorf("%s isn't in the config any more", to.service)
	}
	if to.view == "endpoints" {
		return render("endpoints-body", s.endpointsPage(of).Body)
	}
	return render("service-body", s.servicePage(of).Body)
}

// writeEvent writes one event. JSON has no line feeds in it, which would end the
// event's data.
func writeEvent(b *bytes.Buffer, name string, data any) {
	fmt.Fprintf(b, "event: %s\ndata: ", name)
	encoder := json.NewEncoder(b)
	encoder.SetEscapeHTML(false) // a page takes this for text in any case
	encoder.Encode(data)         // ends with a line feed; it fails for no view
	b.WriteByte('\n')
}

// stream sends what happens in a room until the viewer leaves, is too slow, or the
// router is closed.
func (h *handler) stream(w http.ResponseWriter, r *http.Request, to room) {
	w.Header().Set("Content-Type", eventStream)
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must not keep it back
	if r.Method == http.MethodHead {
		return
	}
	knows, _ := strconv.ParseUint(r.Header.Get("Last-Event-ID"), 10, 64)
	v, first := h.hub.join(to, knows)
	if v == nil {
		w.Header().Del("Content-Type")
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many viewers", http.StatusServiceUnavailable)
		return
	}
	defer h.hub.leave(v)
	h.endWith(r)
	control := http.NewResponseController(w)
	send := func(message []byte) bool {
		control.SetWriteDeadline(time.Now().Add(writeTimeout)) // not every writer can
		if _, err := w.Write(message); err != nil {
			return false
		}
		return control.Flush() == nil
	}
	if !send(append([]byte("retry: 2000\n\n"), first...)) {
		return
	}
	end := time.NewTimer(streamLasts)
	defer end.Stop()
	for {
		select {
		case message, ok := <-v.news:
			if !ok || !send(message) {
				return
			}
		case <-end.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// endWith lets the viewers leave when the request's server shuts down. It would
// wait for them.
func (h *handler) endWith(r *http.Request) {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return
	}
	if _, known := h.servers.LoadOrStore(server, true); !known {
		server.RegisterOnShutdown(h.hub.dismiss)
	}
}
