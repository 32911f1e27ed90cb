package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
)

// handler serves the console of one router.
type handler struct {
	router *balancer.Router
	allow  func(*http.Request) error // nil: everybody may look
	hub    *hub
	views  map[string]http.HandlerFunc // by the last part of the path

	servers sync.Map // each *http.Server that tells the hub when it shuts down
}

// Handler returns the console of a router, to be mounted at a path that ends with
// a slash: see the package documentation. It needs no closing.
func Handler(router *balancer.Router, opts ...Option) http.Handler {
	h := &handler{router: router, hub: newHub(router)}
	for _, opt := range opts {
		opt(h)
	}
	h.views = map[string]http.HandlerFunc{
		"":          h.overview,
		"service":   h.service,
		"endpoints": h.endpoints,
		"changes":   h.changes,
		"events":    h.events,
		"config":    h.config,
		"explain":   h.explain,
		"live":      h.live,
		"style.css": h.asset("style.css", "text/css; charset=utf-8"),
		"script.js": h.asset("script.js", "text/javascript; charset=utf-8"),
		"icon.svg":  h.asset("icon.svg", "image/svg+xml"),
	}
	return h
}

// policy lets a page have what this handler serves, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "read only", http.StatusMethodNotAllowed)
		return
	}
	name, ok := h.viewName(r)
	view := h.views[name]
	if !ok || view == nil {
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	if h.allow != nil {
		if err := h.allow(r); err != nil {
			refuse(w, err)
			return
		}
	}
	view(w, r)
}

func refuse(w http.ResponseWriter, err error) {
	var unknown *Unauthenticated
	if !errors.As(err, &unknown) {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	if unknown.Challenge != "" {
		w.Header().Set("WWW-Authenticate", unknown.Challenge)
	}
	http.Error(w, "unauthorized", http.StatusUnauthorized)
}

// viewName returns the last part of the path, which names the view. Only the one
// plain way to write a path counts: one with an empty part, a dot part or an escape
// that isn't needed is none. Where a mux says under which prefix the handler is
// mounted, what stands before the name must be that, or what is left of it.
func (h *handler) viewName(r *http.Request) (name string, ok bool) {
	path := r.URL.Path
	if r.URL.RawPath != "" || !strings.HasPrefix(path, "/") {
		return "", false
	}
	parts := strings.Split(path[1:], "/")
	name = parts[len(parts)-1]
	within := prefix(r.Pattern)
	if within != "" {
		return name, strings.HasSuffix(within, path[:len(path)-len(name)])
	}
	for _, part := range parts[:len(parts)-1] {
		if part == "." || part == ".." || h.views[part] != nil { // "" is a view, too
			return "", false
		}
	}
	return name, true
}

// prefix is the path of a mux's pattern such as "example.com/debug/". It is empty
// if there is no pattern, or one with wildcards.
func prefix(pattern string) string {
	_, path, found := strings.Cut(pattern, "/")
	if !found || strings.Contains(path, "{") {
		return ""
	}
	return "/" + path
}

// format says whether a request wants JSON. It reports false if it wants something
// that there isn't.
func format(r *http.Request) (asJSON, ok bool) {
	switch r.URL.Query().Get("format") {
	case "", "html":
		return false, true
	case "json":
		return true, true
	}
	return false, false
}

// show answers with a view, as a page or as JSON.
func (h *handler) show(w http.ResponseWriter, r *http.Request, name string, view any, page func() page) {
	asJSON, ok := format(r)
	switch {
	case !ok:
		http.Error(w, "the format is html or json", http.StatusBadRequest)
	case asJSON:
		writeJSON(w, http.StatusOK, view)
	default:
		writePage(w, http.StatusOK, name, page())
	}
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		http.Error(w, "the view can't be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

func writePage(w http.ResponseWriter, status int, name string, p page) {
	html, err := render(name, p)
	if err != nil {
		http.Error(w, "the page can't be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(html)
}

func (h *handler) overview(w http.ResponseWriter, r *http.Request) {
	s := h.hub.recent()
	h.show(w, r, "overview", s.overview(), s.overviewPage)
}

// named finds the service that a request names, or answers that there is none.
func (h *handler) named(w http.ResponseWriter, r *http.Request, s *snapshot) *balancer.ServiceStatus {
	q := r.URL.Query()
	of := s.find(q.Get("name"), q.Get("protocol"))
	if of == nil {
		http.Error(w, "no such service in the config", http.StatusNotFound)
	}
	return of
}

func (h *handler) service(w http.ResponseWriter, r *http.Request) {
	s := h.hub.recent()
	if of := h.named(w, r, s); of != nil {
		h.show(w, r, "service", s.service(of), func() page { return s.servicePage(of) })
	}
}

func (h *handler) endpoints(w http.ResponseWriter, r *http.Request) {
	s := h.hub.recent()
	if of := h.named(w, r, s); of != nil {
		h.show(w, r, "endpoints", s.endpoints(of), func() page { return s.endpointsPage(of) })
	}
}

func (h *handler) config(w http.ResponseWriter, r *http.Request) {
	s := h.hub.recent()
	v := &Config{At: s.status.At, ConfigAge: s.configAge(), YAML: string(h.router.Config().Encode())}
	h.show(w, r, "config", v, func() page { return configPage(v) })
}

func (h *handler) changes(w http.ResponseWriter, r *http.Request) {
	s := h.hub.recent()
	h.show(w, r, "changes", s.changesView(len(s.status.Changes)), s.changesPage)
}

// events are a view, or a stream for those who accept one.
func (h *handler) events(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.Header.Get("Accept"), eventStream) || r.URL.Query().Get("format") == "sse" {
		h.stream(w, r, room{view: "stream"})
		return
	}
	s := h.hub.recent()
	h.show(w, r, "events", s.events(len(s.history.Events)), s.eventsPage)
}

// live is the stream that a page follows.
func (h *handler) live(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to := room{view: q.Get("view"), service: q.Get("name"), protocol: q.Get("protocol")}
	switch to.view {
	case "overview", "changes", "events":
		to.service, to.protocol = "", ""
	case "service", "endpoints":
		of := h.named(w, r, h.hub.recent())
		if of == nil {
			return
		}
		to.service, to.protocol = of.Name, of.Protocol.String()
	default:
		http.Error(w, "no such view", http.StatusNotFound)
		return
	}
	h.stream(w, r, to)
}

// asset returns a handler for an embedded file.
func (h *handler) asset(name, kind string) http.HandlerFunc {
	data, err := assets.ReadFile("assets/" + name)
	if err != nil {
		panic(err) // it is part of the program
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(data))
	}
}
