package trunk

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
)

// ErrLineCarries is for whoever wants a line to fail that people talk on.
var ErrLineCarries = errors.New("a call is on this line")

var errOnPurpose = errors.New("a rehearsal lets this line fail for a moment, to see what becomes of calls; it works again at once afterwards")

// failure is one that is made on purpose.
type failure struct {
	ctx  context.Context // it lasts no longer
	role string          // whose calls out it is about
}

// FailLine makes a line fail, until ctx ends: its servers are out of reach for
// its checks, its registration and calls out of a role. So it is the trunk
// itself that notices, and that goes on to another line. Calls of others go out
// by it and come in by it as ever. Nothing of it is stored. Whoever calls mend,
// which has to be done, has the line looked at anew.
func (t *Trunk) FailLine(ctx context.Context, name, role string) (mend func(), err error) {
	l := named(t.inUse(), name)
	if l == nil {
		return nil, fmt.Errorf("there is no line %q; check the settings", name)
	}
	l.books.mu.Lock()
	carries := l.books.taken > 0
	l.books.mu.Unlock()
	if carries {
		return nil, ErrLineCarries
	}
	ctx, end := context.WithCancel(ctx)
	l.mu.Lock()
	l.failure = &failure{ctx, role}
	before := maps.Clone(l.avoided)
	l.mu.Unlock()
	return sync.OnceFunc(func() {
		end()
		l.mu.Lock()
		l.failure = nil
		l.avoided = before // what failed meanwhile was not the servers
		l.mu.Unlock()
		l.lookAgain()
	}), nil
}

// ownChecks stands for a role where a line asks for itself.
const ownChecks = "checks of the line"

// reachFor is reach for a call out of a role, or for the line's own checks: what
// a failure on purpose is about.
func (t *Trunk) reachFor(ctx context.Context, l *line, to target, role string) error {
	if l.fails(role) {
		return errOnPurpose
	}
	return t.reach(ctx, l, to)
}

func (l *line) fails(role string) bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	f := l.failure
	l.mu.Unlock()
	if f == nil || f.ctx.Err() != nil || role != ownChecks && role != f.role {
		return false
	}
	if role != ownChecks {
		l.lookAgain() // the check meets it as well, and need not be waited for
	}
	return true
}

// lookAgain has the line's watch look now.
func (l *line) lookAgain() {
	select {
	case l.look <- struct{}{}:
	default: // it is about to
	}
}
