//go:build unix

package worker

var Open = open
