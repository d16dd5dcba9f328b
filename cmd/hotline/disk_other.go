//go:build !linux

package main

// diskCommand is of the appliance's own image.
type diskCommand struct{}
