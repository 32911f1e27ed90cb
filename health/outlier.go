package health

import "math"

const (
	// An endpoint's success rate is looked at when it had outlierAttempts, and
	// compared when outlierEndpoints had as many (gRFC A50).
	outlierAttempts  = 100
	outlierEndpoints = 5
	// outlierDeviations is how many standard deviations below the mean an
	// outlier lies (gRFC A50: success_rate_stdev_factor 1900).
	outlierDeviations = 1.9
	// outlierPoints is how many points below the mean it lies at least. Where
	// all do equally well the deviation is tiny, and A50's rule alone would
	// eject whoever was a little unlucky.
	outlierPoints = 0.05
)

// outlierThreshold is the success rate below which an endpoint is an outlier
// among endpoints with these success rates (gRFC A50, "success rate"
// algorithm): 1.9 population standard deviations below the mean.
func outlierThreshold(rates []float64) float64 {
	mean := 0.0
	for _, r := range rates {
		mean += r / float64(len(rates))
	}
	variance := 0.0
	for _, r := range rates {
		variance += (r - mean) * (r - mean) / float64(len(rates))
	}
	return min(mean-outlierDeviations*math.Sqrt(variance), mean-outlierPoints)
}
