package llm

import (
	"context"
	"log/slog"
	"sync"
)

// LevelTrace is below slog.LevelDebug: everything that the library has to say.
const LevelTrace = slog.LevelDebug - 4

var logging struct {
	sync.Mutex
	queue *queue
}

// SetLogger sends the library's log to `logger`, from `level` on, for the whole process: the log belongs to the library, not to a
// client. nil stops it. Lines travel through a queue of their own, so that a slow handler holds up no request; if it is far behind,
// lines are dropped and counted. A line never holds a key or a prompt. Not from inside a handler of it, whose line it would wait for.
func SetLogger(logger *slog.Logger, level slog.Level) error {
	if err := checkABI(); err != nil {
		return err
	}
	logging.Lock()
	defer logging.Unlock()
	var next *queue
	if logger != nil {
		made, err := newQueue(logBytesMax, nil, func(level int, line string) {
			logger.Log(context.Background(), slogLevel(level), line)
		})
		if err != nil {
			return err
		}
		if err := logToQueue(libraryLevel(level), made.raw); err != nil {
			made.close()
			return err
		}
		next = made
	} else if err := logToQueue(logOff, nil); err != nil {
		return err
	}
	// From here on nothing is written to the queue before: what waits in it is handed over, and its goroutine ends.
	if logging.queue != nil {
		logging.queue.close()
	}
	logging.queue = next
	return nil
}

// A few thousand lines.
const logBytesMax = 1 << 20

// libraryLevel is the library's number for "from this level on".
func libraryLevel(level slog.Level) int {
	switch {
	case level > slog.LevelError:
		return logOff
	case level > slog.LevelWarn:
		return logError
	case level > slog.LevelInfo:
		return logWarn
	case level > slog.LevelDebug:
		return logInfo
	case level > LevelTrace:
		return logDebug
	}
	return logTrace
}

func slogLevel(level int) slog.Level {
	switch level {
	case logError:
		return slog.LevelError
	case logWarn:
		return slog.LevelWarn
	case logInfo:
		return slog.LevelInfo
	case logDebug:
		return slog.LevelDebug
	}
	return LevelTrace
}
