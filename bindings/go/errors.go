package llm

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"
)

// Error is why a call failed, or how a stream ended before its end. Get at it by errors.As; compare by errors.Is with ErrRateLimit
// and its like, with context.Canceled and context.DeadlineExceeded. Where nothing is known a field has its zero value.
type Error struct {
	Status      Status        // what failed, for code to decide on
	Kind        string        // the same, finer: rate_limited, overloaded, stream_truncated ..
	Message     string        // one line for people; no key and no prompt in it
	Type        string        // the provider's type of error
	Code        string        // the provider's code
	Param       string        // the field of the request that the provider complains of
	HTTPStatus  int           // of the provider's answer
	RequestID   string        // the provider's number for the request
	Provider    string        // who was asked last
	Model       string        // by which name
	RetryAfter  time.Duration // how long the provider asked to wait
	Retryable   bool          // whether asking again can help
	Phase       string        // how far it had come: local, connect, send, first_item, stream, consumer
	Attempts    []Attempt     // every try, in order
	PartialText string        // what had been said by the first choice before the stream broke
	Partial     *Partial      // what else is known of the broken answer
	RawBody     string        // the provider's body, at most 64 KiB
	JSON        string        // everything, as llm_error_json() says it

	cause []error // the context's, where that ended the request
}

// Attempt is one try at one target.
type Attempt struct {
	Provider   string
	Model      string
	Status     string // name of a Status
	Kind       string // empty for a success
	HTTPStatus int
	Took       time.Duration
	Message    string
}

// Partial is what is known of an answer that broke off.
type Partial struct {
	ID           string
	Model        string
	FinishReason string
	Usage        Usage
}

// Error is one line: the status, the message, and whom to ask about it.
func (e *Error) Error() string {
	var line strings.Builder
	fmt.Fprintf(&line, "llm: %s: %s", e.Status, e.Message)
	if e.Provider != "" {
		fmt.Fprintf(&line, " (%s/%s", e.Provider, e.Model)
		if e.RequestID != "" {
			fmt.Fprintf(&line, ", request %s", e.RequestID)
		}
		line.WriteByte(')')
	}
	return line.String()
}

// Is tells whether `target` is an Err of this package, or a context's error, that stands for this one.
func (e *Error) Is(target error) bool {
	switch target {
	case context.DeadlineExceeded:
		return e.Status == StatusTimeout
	case context.Canceled:
		return e.Status == StatusCanceled && len(e.cause) == 0
	}
	known, ok := target.(*condition)
	return ok && known.holds(e)
}

var _ net.Error = (*Error)(nil)

// Unwrap gives the context's error and cause, if the context ended the request.
func (e *Error) Unwrap() []error { return e.cause }

// Timeout is what net.Error asks.
func (e *Error) Timeout() bool {
	return e.Is(context.DeadlineExceeded) || e.has(context.DeadlineExceeded)
}

// Temporary is what net.Error asks: whether asking again can help.
func (e *Error) Temporary() bool { return e.Retryable }

func (e *Error) has(target error) bool {
	for _, cause := range e.cause {
		if cause == target {
			return true
		}
	}
	return false
}

// endedBy says whose will it was, if `ctx` is over.
func (e *Error) endedBy(ctx context.Context) {
	if err := ctx.Err(); err != nil && e.Status == StatusCanceled {
		e.cause = []error{err}
		if cause := context.Cause(ctx); cause != err {
			e.cause = append(e.cause, cause)
		}
	}
}

// newError is an error of which no more is known than its status; the library's words stand for an empty message.
func newError(status Status, message string) *Error {
	if message == "" {
		message = status.String()
	}
	return &Error{Status: status, Message: message, Phase: "local"}
}

// canceledBy is the error of a context that ended before anything was asked.
func canceledBy(ctx context.Context) *Error {
	err := newError(StatusCanceled, ctx.Err().Error())
	err.Kind = "canceled"
	err.endedBy(ctx)
	return err
}
