package softphone

import (
	"context"
	"fmt"
	"log/slog"

	pion "github.com/pion/logging"
)

// logging passes pion's messages on. All of them are for debugging: what goes
// wrong with a connection ends its Phone with a cause, and strangers must not
// be able to fill the log by sending rubbish to the port.
type logging struct{ log *slog.Logger }

// NewLogger implements pion's LoggerFactory.
func (l logging) NewLogger(scope string) pion.LeveledLogger {
	return leveled{l.log.With("part", scope)}
}

type leveled struct{ log *slog.Logger }

func (l leveled) write(format string, args ...any) {
	if !l.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	if len(args) > 0 {
		format = fmt.Sprintf(format, args...)
	}
	l.log.Debug(format)
}

// Pion's two finest levels would be a line per packet.
func (leveled) Trace(string)          {}
func (leveled) Tracef(string, ...any) {}
func (leveled) Debug(string)          {}
func (leveled) Debugf(string, ...any) {}

func (l leveled) Info(msg string)                   { l.write(msg) }
func (l leveled) Infof(format string, args ...any)  { l.write(format, args...) }
func (l leveled) Warn(msg string)                   { l.write(msg) }
func (l leveled) Warnf(format string, args ...any)  { l.write(format, args...) }
func (l leveled) Error(msg string)                  { l.write(msg) }
func (l leveled) Errorf(format string, args ...any) { l.write(format, args...) }
