//go:build !unix

package clouds

import (
	"errors"
	"os"
	"os/exec"
)

// CanFreeze says whether this system can stop a process and let it go on.
const CanFreeze = false

func freeze(*os.Process) error { return errors.ErrUnsupported }
func thaw(*os.Process) error   { return errors.ErrUnsupported }

func detach(*exec.Cmd) {}
