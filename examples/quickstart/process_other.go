//go:build !unix

package main

import (
	"errors"
	"os"
	"os/exec"
)

// canFreeze says whether this system can stop a process and let it go on.
const canFreeze = false

func freeze(*os.Process) error { return errors.ErrUnsupported }
func thaw(*os.Process) error   { return errors.ErrUnsupported }

func detach(*exec.Cmd) {}
