package llm

// What a failed call is compared with by errors.Is. One error may stand for several: a 404 is ErrBadRequest and ErrNotFound, a
// timeout is ErrConnection, ErrTimeout and context.DeadlineExceeded. That the caller stopped is context.Canceled.
var (
	// The provider did not like the request: 400, 404, 409, 413, 422.
	ErrBadRequest    error = of("bad request", StatusBadRequest)
	ErrNotFound      error = refined("not found", StatusBadRequest, "not_found")
	ErrConflict      error = refined("conflict", StatusBadRequest, "conflict")
	ErrTooLarge      error = refined("too large", StatusBadRequest, "too_large")
	ErrUnprocessable error = answered("unprocessable", StatusBadRequest, 422)

	// The key is wrong or missing (401), or does not allow this (403).
	ErrAuth       error = of("authentication", StatusAuth)
	ErrPermission error = answered("permission denied", StatusAuth, 403)

	// Too much: for now (429), until somebody pays, or more than a limit of one's own.
	ErrRateLimit error = of("rate limited", StatusRateLimited)
	ErrQuota     error = of("quota exceeded", StatusQuota)
	ErrBudget    error = of("budget exceeded", StatusBudget)

	// The prompt does not fit the model, or was refused.
	ErrContextLength error = of("context length exceeded", StatusContextLength)
	ErrContentFilter error = of("content filtered", StatusContentFilter)

	// The provider's own trouble: 5xx and 529.
	ErrServer     error = of("server error", StatusOverloaded)
	ErrOverloaded error = refined("overloaded", StatusOverloaded, "overloaded")

	// The network, and time.
	ErrConnection        error = of("connection", StatusConnect, StatusTimeout)
	ErrTimeout           error = of("timeout", StatusTimeout)
	ErrStreamInterrupted error = of("stream interrupted", StatusTruncated)
	ErrStalled           error = of("the consumer stalled", StatusStalled)
	ErrProtocol          error = of("unreadable answer", StatusProtocol)

	// Nobody to ask.
	ErrNoRoute     error = of("no route", StatusNoRoute)
	ErrCircuitOpen error = of("circuit open", StatusCircuitOpen)
	ErrUnsupported error = of("unsupported", StatusUnsupported)

	// This side's own mistakes and states.
	ErrInvalidArgument error = of("invalid argument", StatusInvalidArgument)
	ErrConfig          error = of("configuration", StatusConfig)
	ErrClosed          error = of("closed", StatusClosed)
	ErrForked          error = of("forked", StatusForked)
	ErrBusy            error = of("busy", StatusBusy)
	ErrNoMemory        error = of("out of memory", StatusNoMemory)
	ErrInternal        error = of("internal", StatusInternal)
)

// condition is what an Error can be compared with.
type condition struct {
	name  string
	holds func(*Error) bool
}

// Error is the condition's name.
func (c *condition) Error() string { return "llm: " + c.name }

func of(name string, statuses ...Status) *condition {
	return &condition{name, func(e *Error) bool {
		for _, status := range statuses {
			if e.Status == status {
				return true
			}
		}
		return false
	}}
}

func refined(name string, status Status, kind string) *condition {
	return &condition{name, func(e *Error) bool { return e.Status == status && e.Kind == kind }}
}

func answered(name string, status Status, http int) *condition {
	return &condition{name, func(e *Error) bool { return e.Status == status && e.HTTPStatus == http }}
}
