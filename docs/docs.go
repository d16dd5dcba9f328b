// Package docs carries the page of promises, which is written from what long
// tests measured, into the handbook of the program.
package docs

import _ "embed"

// Promises is the page, in English and in Markdown.
//
//go:embed promises.md
var Promises string
