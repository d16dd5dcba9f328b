package main

import (
	"hotline/provisioning/disk"
	"hotline/ui"
)

// plugged is what the pages may ask about disks; nil where nobody looks after them
// but whoever runs the machine.
func plugged(path string) ui.Plugged {
	door := disk.At(path)
	if !door.There() {
		return nil
	}
	return door
}
