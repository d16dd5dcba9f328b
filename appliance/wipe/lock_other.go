//go:build !unix

package wipe

import (
	"io"
	"strings"
)

func lockFolder(string) (io.Closer, error) { return io.NopCloser(strings.NewReader("")), nil }
