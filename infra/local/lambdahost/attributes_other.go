//go:build !linux

package host

import "syscall"

// attributes puts a function in a process group of its own, to be killed as one. When the local
// account is killed without warning, the function ends by itself: its Runtime API has ended.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
