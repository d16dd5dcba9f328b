//go:build !linux

package place

import "os"

func forgetCache(*os.File) {}
