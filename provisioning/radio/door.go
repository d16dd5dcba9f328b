package radio

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"time"

	"hotline/provisioning/door"
)

// Socket is where the owner of the radio listens on the appliance's own image.
const Socket = "/run/hotline-radio"

// Door leads to the owner of the radio.
type Door struct{ door.Door }

// At is the door whose socket is there.
func At(path string) Door { return Door{door.Door{Path: path, Does: "owns the radio"}} }

type question struct {
	Set *Settings `json:"set,omitempty"` // nil: only how it is
}

// Look asks how the network is.
func (d Door) Look(ctx context.Context) (State, error) { return d.ask(ctx, question{}) }

// Set changes it, at once and for good.
func (d Door) Set(ctx context.Context, s Settings) (State, error) {
	return d.ask(ctx, question{Set: &s})
}

// answeredIn bounds a question and its answer.
const answeredIn = 10 * time.Second

func (d Door) ask(ctx context.Context, q question) (s State, err error) {
	ctx, cancel := context.WithTimeout(ctx, answeredIn)
	defer cancel()
	err = d.Ask(ctx, q, nil, &s)
	return s, err
}

// Serve answers at the door until ctx ends.
func (o *Owner) Serve(ctx context.Context, l *net.UnixListener) error {
	return door.Serve(ctx, l, 0, func(_ context.Context, ask []byte, _ io.Reader) (any, error) {
		var q question
		err := json.Unmarshal(ask, &q)
		if err == nil && q.Set != nil {
			err = o.set(*q.Set)
		}
		return o.State(), err
	})
}
