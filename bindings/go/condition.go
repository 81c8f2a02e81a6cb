package llm

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
