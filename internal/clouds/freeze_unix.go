//go:build unix

package clouds

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// CanFreeze says whether this system can stop a process and let it go on.
const CanFreeze = true

// freeze stops a child where it stands and returns when it does.
func freeze(child *os.Process) error {
	if err := child.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		_, err := syscall.Wait4(child.Pid, nil, syscall.WUNTRACED, nil)
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("wait4", err)
		}
	}
}

// thaw lets a frozen child go on.
func thaw(child *os.Process) error { return child.Signal(syscall.SIGCONT) }

// detach puts the command into a process group of its own. An interrupt at the
// keyboard then reaches only the program, which ends its clouds in order.
// And should the program be killed while an endpoint is frozen, the system
// hangs the endpoint up and wakes it: a group that has lost its parent has
// nobody left who could.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
