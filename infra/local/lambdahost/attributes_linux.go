package lambdahost

import "syscall"

// attributes puts a function in a process group of its own, to be killed as one, and ties its life
// to the local account's: it dies with it even when that is killed without warning.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
