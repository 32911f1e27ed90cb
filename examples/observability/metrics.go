package main

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/otlptranslator"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
)

// newExporter returns OpenTelemetry's exporter to Prometheus, and what serves its
// figures. Dots become underscores, counters end in _total, and units become part
// of the names: fairlead.config.age is fairlead_config_age_seconds.
func newExporter() (*otelprometheus.Exporter, http.Handler, error) {
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(registry),
		otelprometheus.WithTranslationStrategy(otlptranslator.UnderscoreEscapingWithSuffixes),
		otelprometheus.WithoutScopeInfo(), // one library: its name on each series says nothing
	)
	return exporter, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), err
}

// pagePath is where the status page is mounted.
const pagePath = "/debug/fairlead/"

// handler serves metrics and the status page, and kills and starts clouds.
func handler(metrics, page http.Handler, clouds clouds) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle(pagePath, page)
	act := func(pattern string, do func(*cloud) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c := clouds[r.PathValue("cloud")]
			if c == nil {
				http.Error(w, "no such cloud", http.StatusNotFound)
			} else if err := do(c); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	act("POST /kill/{cloud}", (*cloud).kill)
	act("POST /start/{cloud}", (*cloud).start)
	return mux
}
