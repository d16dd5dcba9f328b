package disk

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"hotline/provisioning/door"
)

// Socket is where the program is started that may take a disk out of use, on the
// appliance's own image. It looks only among the disks that it has mounted itself.
const Socket = "/run/hotline-disk"

// Door leads to it.
type Door struct{ door.Door }

// At is the door whose socket is there.
func At(path string) Door { return Door{door.Door{Path: path, Does: "looks after disks"}} }

// asking is how long the answer may take: what is being written is waited for.
const asking = time.Minute

// Remove lets a disk be pulled out. Errors are sentences.
func (d Door) Remove(ctx context.Context, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, asking)
	defer cancel()
	return d.Ask(ctx, folder, nil, nil)
}

// Answer takes one question and answers it, with what lets go of a disk.
func Answer(ctx context.Context, in io.Reader, out io.Writer, letGo func(ctx context.Context, folder string) error) error {
	return door.Answer(ctx, in, out, func(ctx context.Context, ask []byte, _ io.Reader) (any, error) {
		var folder string
		if err := json.Unmarshal(ask, &folder); err != nil {
			return nil, err
		}
		return nil, letGo(ctx, folder)
	})
}
