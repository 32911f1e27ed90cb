//go:build !unix

package console

import "time"

func processorTime() time.Duration { return 0 }
