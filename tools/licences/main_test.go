package main

import (
	"strings"
	"testing"
)

func TestOnlyFittingLicencesPass(t *testing.T) {
	part := func(licence string) string {
		return `{"components":[{"name":"a","version":"v1","evidence":{"licenses":[` + licence + `]}}]}`
	}
	for text, ok := range map[string]bool{
		part(`{"license":{"id":"MIT"}}`):                                   true,
		part(`{"license":{"id":"MIT"}},{"license":{"id":"GPL-2.0-only"}}`): false,
		part(`{"license":{"name":"Our own"}}`):                             false,
		part(``):                                                           false,
		`{"components":[]}`:                                                false,
		`no list`:                                                          false,
	} {
		var out strings.Builder
		if err := run(strings.NewReader(text), &out); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}
