package ui

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"hotline/ui/words"
)

const (
	axeFile   = "testdata/axe/axe.min.js"
	axeSHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
)

func TestVendoredFiles(t *testing.T) {
	raw, err := os.ReadFile(axeFile)
	if err != nil {
		t.Fatal(err)
	}
	if sum := sha256.Sum256(raw); hex.EncodeToString(sum[:]) != axeSHA256 {
		t.Errorf("%s is not what its makers published", axeFile)
	}
}

const runAxe = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]})
  .then((r) => JSON.stringify(r.violations.map((v) => v.id + " (" + v.impact + "): " + v.nodes.map((n) => n.target + " " + (n.any[0]?.message ?? n.all[0]?.message ?? "")).join("; "))))`

// accessible lets axe-core judge the page as it is now. It is put in through
// the debugger, which the page's content policy does not concern.
func (b *browser) accessible(name string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	if b.js(`typeof axe`) == "undefined" {
		raw, err := os.ReadFile(axeFile)
		if err != nil {
			b.t.Fatal(err)
		}
		if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](string(raw)+";0")); err != nil {
			b.t.Fatal(err)
		}
	}
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[string](runAxe, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatal(err)
	}
	var violations []string
	if err := json.Unmarshal([]byte(answer), &violations); err != nil {
		b.t.Fatal(err)
	}
	for _, violation := range violations {
		// The long language is longer behind each text, also behind the one that
		// repeats another one and goes on.
		if strings.Contains(name, words.Long) && strings.HasPrefix(violation, "label-content-name-mismatch ") {
			continue
		}
		b.t.Errorf("%s: %s", name, violation)
	}
}

// colours switches between light and dark.
func (b *browser) colours(scheme string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, limitOfAStep)
	defer stop()
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	}); err != nil {
		b.t.Fatal(err)
	}
}
