// Package bench measures how fast and how small the functions are: the real bootstraps over the Runtime
// API, on an account on this machine. It asserts nothing about times, and changes nothing elsewhere.
package bench
