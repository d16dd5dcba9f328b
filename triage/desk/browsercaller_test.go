package desk

import (
	"errors"
	"fmt"
	"testing"
)

// One device cannot take all lines, and all browsers together cannot take the
// machine from the telephones.
func TestBrowsersHaveALimit(t *testing.T) {
	var b browserCalls
	for range browsersPerAddr {
		if err := b.enter("a"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.enter("a"); !errors.Is(err, ErrSameAddress) {
		t.Errorf("one too many from an address: %v", err)
	}
	b.leave("a")
	if err := b.enter("a"); err != nil {
		t.Errorf("after one has hung up: %v", err)
	}
	for n := b.all; n < browsersMost; n++ {
		if err := b.enter(fmt.Sprint("other ", n)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.enter("late"); !errors.Is(err, ErrManyBrowsers) {
		t.Errorf("one too many in all: %v", err)
	}
	for n := browsersPerAddr; n < browsersMost; n++ {
		b.leave(fmt.Sprint("other ", n))
	}
	b.leave("a")
	b.leave("a")
	if len(b.by) != 0 {
		t.Errorf("addresses are kept: %v", b.by)
	}
}
