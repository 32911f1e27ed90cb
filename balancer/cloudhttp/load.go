package cloudhttp

import (
	"math"
	"net/http"
	"strconv"
	"strings"

	"github.com/fairlead-go/fairlead/balancer"
)

// maxLoadReport is how long a load report may be: a server may add measures of
// its own.
const maxLoadReport = 4 << 10 // bytes

// loadOf reads the load that a server reports in its answer. The format is the text
// of Open Request Cost Aggregation, with "=" or, as older versions of Envoy write
// it, ":". What it names besides is passed over; what is malformed, negative, not
// finite or given twice makes the whole no report.
func loadOf(h http.Header) (load balancer.LoadReport, ok bool) {
	values := h[loadHeader]
	if len(values) != 1 || len(values[0]) > maxLoadReport {
		return load, false
	}
	list, ok := strings.CutPrefix(values[0], "TEXT ")
	if !ok {
		return load, false
	}
	const unsaid = -1
	said := balancer.LoadReport{Application: unsaid, CPU: unsaid, Memory: unsaid, Calls: unsaid, Errors: unsaid}
	ok = false // until there is a measure
	for entry := range strings.SplitSeq(list, ",") {
		at := strings.IndexAny(entry, "=:")
		if at < 0 {
			return load, false
		}
		var measure *float64
		switch strings.TrimSpace(entry[:at]) {
		case "application_utilization":
			measure = &said.Application
		case "cpu_utilization":
			measure = &said.CPU
		case "mem_utilization":
			measure = &said.Memory
		case "rps_fractional":
			measure = &said.Calls
		case "eps":
			measure = &said.Errors
		default:
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(entry[at+1:]), 64)
		if err != nil || !(v >= 0) || math.IsInf(v, 0) || *measure != unsaid {
			return load, false
		}
		*measure, ok = v, true
	}
	return balancer.LoadReport{
		Application: max(said.Application, 0), CPU: max(said.CPU, 0), Memory: max(said.Memory, 0),
		Calls: max(said.Calls, 0), Errors: max(said.Errors, 0),
	}, ok
}
