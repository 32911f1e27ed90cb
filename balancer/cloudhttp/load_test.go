package cloudhttp

import (
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/fairlead-go/fairlead/balancer"
)

func TestLoadOf(t *testing.T) {
	type load = balancer.LoadReport
	for _, test := range []struct {
		values []string
		want   load
		ok     bool
	}{
		{nil, load{}, false},
		{[]string{""}, load{}, false},
		{[]string{"TEXT "}, load{}, false},
		{[]string{"TEXT application_utilization=0.35, rps_fractional=412.5"}, load{Application: 0.35, Calls: 412.5}, true},
		{[]string{"TEXT cpu_utilization=0.3, mem_utilization=0.8, eps=1, named_metrics.queue=0.4"}, load{CPU: 0.3, Memory: 0.8, Errors: 1}, true},
		{[]string{"TEXT cpu_utilization:0.7,application_utilization:0.8"}, load{CPU: 0.7, Application: 0.8}, true},
		{[]string{"TEXT application_utilization=0"}, load{}, true},
		{[]string{"TEXT application_utilization=1.5"}, load{Application: 1.5}, true},
		{[]string{"TEXT named_metrics.application_utilization=0.8"}, load{}, false},
		{[]string{"TEXT application_utilization"}, load{}, false},
		{[]string{"TEXT application_utilization="}, load{}, false},
		{[]string{"TEXT application_utilization=-0.1"}, load{}, false},
		{[]string{"TEXT application_utilization=NaN"}, load{}, false},
		{[]string{"TEXT application_utilization=Inf"}, load{}, false},
		{[]string{"TEXT application_utilization=1e999"}, load{}, false},
		{[]string{"TEXT cpu_utilization=0.3, application_utilization=x"}, load{}, false},
		{[]string{"TEXT application_utilization=0.1,application_utilization=0.2"}, load{}, false},
		{[]string{"TEXT application_utilization=0.1", "TEXT application_utilization=0.1"}, load{}, false},
		{[]string{`JSON {"application_utilization": 0.3}`}, load{}, false},
		{[]string{"TEXT application_utilization=0.1, x=" + strings.Repeat("1", 4<<10)}, load{}, false},
	} {
		if got, ok := loadOf(http.Header{loadHeader: test.values}); got != test.want || ok != test.ok {
			t.Errorf("%.80q: %+v, %v, want %+v, %v", test.values, got, ok, test.want, test.ok)
		}
	}
}

// TestReportIsUnderstood: a Transport keeps what a Middleware writes.
func TestReportIsUnderstood(t *testing.T) {
	for _, want := range []float64{0.0001, 0.5, 1, 12.5} {
		h := Middleware(WithUtilization(func() float64 { return want }))(http.NotFoundHandler())
		e := newEnv(t, config([]string{"http://10.1.0.11"}, nil), fake(map[string]roundTrip{"first": func(req *http.Request) (*http.Response, error) {
			resp := response(http.StatusOK, "")
			resp.Header = arrive(h, "GET", "/", nil).Header()
			return resp, nil
		}}))
		e.get(t, "http://routing-api/")
		if got := e.router.Status().Services[0].Clouds[0].Endpoints[0].Load; got.Application != want || got.At.IsZero() {
			t.Errorf("%v became %+v", want, got)
		}
	}
}

func FuzzLoadOf(f *testing.F) {
	f.Add("TEXT application_utilization=0.35, rps_fractional=412.5")
	f.Add("TEXT cpu_utilization:0.7,application_utilization:0.8,eps=1,mem_utilization=0.1")
	f.Fuzz(func(t *testing.T, report string) {
		load, ok := loadOf(http.Header{loadHeader: {report}})
		for _, measure := range []float64{load.Application, load.CPU, load.Memory, load.Calls, load.Errors} {
			if !(measure >= 0) || math.IsInf(measure, 0) || measure > 0 && !ok {
				t.Errorf("%q: %+v, %v", report, load, ok)
			}
		}
	})
}
