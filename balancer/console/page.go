package console

import (
	"bytes"
	"embed"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/health"
)

//go:embed assets
var assets embed.FS

// page is what the templates get. Body is what changes while the page is looked
// at; the rest is around it.
type page struct {
	Title  string
	View   string // which of the navigation is the current one
	Stream string // where to get the body again and again; empty if it doesn't change
	JSON   string // the query of the same view as JSON
	At     time.Time
	Body   any
}

// The bodies of the pages.
type (
	overviewBody struct {
		*Overview
		Colour   palette
		Cards    []card // nil if there are too many services
		Timeline timeline
	}
	serviceBody struct {
		Card     card
		Timeline timeline
	}
	changesBody struct {
		*Changes
		Colour palette
	}
	eventsBody  struct{ Timeline timeline }
	explainBody struct {
		Services []string
		Tiers    []string
		Asked    question
		Answer   *balancer.Explanation
		Text     string // the answer for a terminal
		Colour   palette
		Error    string
	}
)

// card is one service with all that there is to see.
type card struct {
	*Service
	Now    time.Time
	Colour palette
	Charts []chart
}

// timeline are events, newest first.
type timeline struct {
	Now    time.Time
	Events []Event
	Colour palette
}

// changeFacts is one change with all that there is to see.
type changeFacts struct {
	Now    time.Time
	Change Change
}

// Coming reports whether the change has yet to begin, and Past whether it is over.
func (f changeFacts) Coming() bool { return f.Change.Begins.After(f.Now) }
func (f changeFacts) Past() bool   { return !f.Change.Ends.After(f.Now) && !f.Change.Ends.IsZero() }

// mostCharts is how many services the overview shows whole. Of more it shows a
// line each.
const mostCharts = 8

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"percent": percent, "signed": signed, "exact": func(f float64) string { return short(100*f, 4) + " %" }, "rate": rate, "millis": millis, "span": span, "clock": clock, "count": count,
	"since":       func(now, t time.Time) string { return span(now.Sub(t)) },
	"ago":         func(now, t time.Time) string { return span(now.Sub(t)) + " ago" },
	"date":        func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
	"iso":         func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"of":          func(f *float64) float64 { return *f },
	"part":        func(a float64, b *float64) float64 { return a / *b },
	"full":        func(n int, most *int) float64 { return float64(n) / float64(*most) },
	"ms":          took,
	"lines":       func(text string) []string { return strings.Split(strings.TrimSpace(text), "\n") },
	"mark":        stateMark,
	"changeclass": func(state string) string { class, _ := changeLook(state); return class },
	"changesign":  func(state string) string { _, sign := changeLook(state); return sign },
	"about":       func(now time.Time, c Change) changeFacts { return changeFacts{now, c} },
	"times":       func(f float64) string { return short(f, 1) },
	"took":        func(ms float64) string { return took(time.Duration(ms * float64(time.Millisecond))) },
	"kind":        kindWord,
}).ParseFS(assets, "assets/*.html"))

// stateMark is a sign that stands before a state, so that colour alone says
// nothing.
func stateMark(state string) string {
	switch state {
	case health.Healthy.String():
		return "●"
	case health.Degraded.String():
		return "▲"
	case health.Down.String():
		return "✕"
	case health.Recovering.String():
		return "◐"
	}
	return "○"
}

// kindWord is what the timeline calls a kind of event.
func kindWord(kind string) string {
	if kind == string(balancer.EventPlan) {
		return "share"
	}
	return kind
}

// render writes a page or, of a name such as "overview-body", its body alone.
func render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	return []byte(printable(b.String())), nil
}

// overviewPage is the page of all services.
func (s *snapshot) overviewPage() page {
	v := s.overview()
	body := overviewBody{Overview: v, Colour: newPalette(v.Clouds)}
	body.Timeline = timeline{v.At, v.Events, body.Colour}
	if len(v.Services) <= mostCharts {
		for i := range v.Services {
			body.Cards = append(body.Cards, s.card(&v.Services[i], body.Colour))
		}
	}
	return page{Title: "Overview", View: "overview", Stream: "live?view=overview", JSON: "?format=json", At: v.At, Body: body}
}

func (s *snapshot) card(of *Service, colour palette) card {
	return card{Service: of, Now: s.status.At, Colour: colour, Charts: s.charts(of, colour)}
}

// servicePage is the page of one service.
func (s *snapshot) servicePage(of *balancer.ServiceStatus) page {
	v, colour := newService(of), s.colours()
	body := serviceBody{Card: s.card(&v, colour), Timeline: timeline{Now: s.status.At, Colour: colour}}
	for _, e := range s.events(len(s.history.Events)).Events {
		if (e.Service == "" || e.Service == v.Name && e.Protocol == v.Protocol) && len(body.Timeline.Events) < 3*latestEvents {
			body.Timeline.Events = append(body.Timeline.Events, e)
		}
	}
	q := address(v.Name, v.Protocol)
	return page{Title: v.Name, View: "service", Stream: "live?view=service&" + q, JSON: "?format=json&" + q, At: s.status.At, Body: body}
}

// colours are the colours of all clouds.
func (s *snapshot) colours() palette { return newPalette(s.overview().Clouds) }

func (s *snapshot) changesPage() page {
	body := changesBody{s.changesView(len(s.status.Changes)), s.colours()}
	return page{Title: "Changes", View: "changes", Stream: "live?view=changes", JSON: "?format=json", At: s.status.At, Body: body}
}

func (s *snapshot) eventsPage() page {
	body := eventsBody{timeline{s.status.At, s.events(len(s.history.Events)).Events, s.colours()}}
	return page{Title: "Events", View: "events", Stream: "live?view=events", JSON: "?format=json", At: s.status.At, Body: body}
}

func (s *snapshot) endpointsPage(of *balancer.ServiceStatus) page {
	v := s.endpoints(of)
	q := address(v.Service, v.Protocol)
	return page{Title: "Endpoints of " + v.Service, View: "endpoints", Stream: "live?view=endpoints&" + q, JSON: "?format=json&" + q, At: v.At, Body: v}
}

func configPage(v *Config) page {
	return page{Title: "Config", View: "config", JSON: "?format=json", At: v.At, Body: v}
}

// address is the query that names a service.
func address(name, protocol string) string {
	return url.Values{"name": {name}, "protocol": {protocol}}.Encode()
}
