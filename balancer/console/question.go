package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/fairlead-go/fairlead/balancer"
	"github.com/fairlead-go/fairlead/sla"
)

// question is a call to be explained.
type question struct{ Service, Protocol, Tier, Product, Customer, Method string }

// mostAsked is how long a part of a question may be, in bytes.
const mostAsked = 1024

func newQuestion(q url.Values) (question, error) {
	asked := question{
		Service: q.Get("service"), Protocol: q.Get("protocol"), Tier: q.Get("tier"),
		Product: q.Get("product"), Customer: q.Get("customer"), Method: q.Get("method"),
	}
	for _, part := range []string{asked.Service, asked.Protocol, asked.Tier, asked.Product, asked.Customer, asked.Method} {
		if len(part) > mostAsked {
			return question{}, errors.New("a part of the question is too long")
		}
	}
	return asked, nil
}

// query asks the question for an answer as JSON.
func (q question) query() url.Values {
	return url.Values{
		"format": {"json"}, "service": {q.Service}, "protocol": {q.Protocol}, "tier": {q.Tier},
		"product": {q.Product}, "customer": {q.Customer}, "method": {q.Method},
	}
}

// ask explains the call. The request's own context says nothing of it: a server's
// middleware may have put another call's class there.
func (h *handler) ask(asked question, s *snapshot) (balancer.Explanation, error) {
	ctx := sla.WithCaller(context.Background(), sla.Caller{Product: asked.Product, Customer: asked.Customer})
	call := balancer.Call{Service: asked.Service, Method: asked.Method, Idempotent: true}
	if of := s.find(asked.Service, asked.Protocol); of != nil {
		call.Protocol = of.Protocol
	} else if asked.Protocol == balancer.GRPC.String() {
		call.Protocol = balancer.GRPC
	}
	return h.router.Explain(sla.WithTier(ctx, asked.Tier), call)
}

// explain answers where a call would go.
func (h *handler) explain(w http.ResponseWriter, r *http.Request) {
	asJSON, ok := format(r)
	if !ok {
		http.Error(w, "the format is html or json", http.StatusBadRequest)
		return
	}
	s := h.hub.recent()
	body := explainBody{Colour: s.colours()}
	for _, of := range s.status.Services {
		if n := len(body.Services); n == 0 || body.Services[n-1] != of.Name {
			body.Services = append(body.Services, of.Name)
		}
	}
	for _, t := range h.router.Config().Tiers {
		body.Tiers = append(body.Tiers, t.Name)
	}
	status := http.StatusOK
	asked, err := newQuestion(r.URL.Query())
	body.Asked = asked
	switch {
	case err != nil:
		status, body.Error = http.StatusBadRequest, err.Error()
	case asked.Service == "" && asJSON:
		status, body.Error = http.StatusBadRequest, "service is missing: explain?service=…&tier=…&product=…&customer=…&method=…"
	case asked.Service != "":
		answer, err := h.ask(asked, s)
		if err != nil {
			status, body.Error = http.StatusNotFound, err.Error()
			if errors.Is(err, balancer.ErrClosed) {
				status = http.StatusServiceUnavailable
			}
			break
		}
		body.Answer, body.Text = &answer, answer.String()
	}
	switch {
	case !asJSON:
		p := page{Title: "Explain", View: "explain", At: s.status.At, Body: body}
		if body.Answer != nil {
			p.JSON = "?" + asked.query().Encode()
		}
		writePage(w, status, "explain", p)
	case body.Answer != nil:
		writeJSON(w, status, body.Answer)
	default:
		writeJSON(w, status, map[string]string{"error": body.Error})
	}
}
