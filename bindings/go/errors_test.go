package llm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/libllm/libllm/bindings/go"
)

func TestErrorsAreWhatTheirConditionsSay(t *testing.T) {
	client := newClient(t, func(c *llm.Config) {
		c.Providers["nobody"] = llm.Provider{Wire: "openai_chat", BaseURL: "http://127.0.0.1:1", Auth: "none"}
		c.Providers["locked"] = llm.Provider{Wire: "openai_chat", BaseURL: "http://127.0.0.1:1", Auth: "bearer"}
	})
	all := []error{llm.ErrBadRequest, llm.ErrNotFound, llm.ErrConflict, llm.ErrTooLarge, llm.ErrUnprocessable, llm.ErrAuth, llm.ErrPermission,
		llm.ErrRateLimit, llm.ErrQuota, llm.ErrBudget, llm.ErrContextLength, llm.ErrContentFilter, llm.ErrServer, llm.ErrOverloaded,
		llm.ErrConnection, llm.ErrTimeout, llm.ErrStreamInterrupted, llm.ErrStalled, llm.ErrProtocol, llm.ErrNoRoute, llm.ErrCircuitOpen,
		llm.ErrUnsupported, llm.ErrInvalidArgument, llm.ErrConfig, llm.ErrClosed, llm.ErrForked, llm.ErrBusy, llm.ErrNoMemory,
		llm.ErrInternal, context.Canceled, context.DeadlineExceeded}
	for _, test := range []struct {
		model  string
		wishes []llm.Option
		is     []error
	}{
		{"scripted/status=400", nil, []error{llm.ErrBadRequest}},
		{"scripted/status=404", nil, []error{llm.ErrBadRequest, llm.ErrNotFound}},
		{"scripted/status=409", nil, []error{llm.ErrBadRequest, llm.ErrConflict}},
		{"scripted/status=413", nil, []error{llm.ErrBadRequest, llm.ErrTooLarge}},
		{"scripted/status=422", nil, []error{llm.ErrBadRequest, llm.ErrUnprocessable}},
		{"scripted/status=401", nil, []error{llm.ErrAuth}},
		{"scripted/status=403", nil, []error{llm.ErrAuth, llm.ErrPermission}},
		{"scripted/status=429", nil, []error{llm.ErrRateLimit}},
		{"scripted/status=429;error=quota", nil, []error{llm.ErrQuota}},
		{"scripted/status=400;error=context_length", nil, []error{llm.ErrContextLength}},
		{"scripted/status=400;error=content_filter", nil, []error{llm.ErrContentFilter}},
		{"scripted/status=500", nil, []error{llm.ErrServer}},
		{"messages/status=529", nil, []error{llm.ErrServer, llm.ErrOverloaded}},
		{"scripted/tokens=4;cut=rst;at=2", nil, []error{llm.ErrStreamInterrupted}},
		{"scripted/garbage", nil, []error{llm.ErrProtocol}},
		{"scripted/tokens=2;ttft=60s", []llm.Option{llm.WithTimeout(time.Microsecond)}, []error{llm.ErrTimeout, llm.ErrConnection, context.DeadlineExceeded}},
		{"scripted/tokens=2;ttft=60s", []llm.Option{llm.WithFirstTokenTimeout(20 * time.Millisecond)}, []error{llm.ErrTimeout, llm.ErrConnection, context.DeadlineExceeded}},
		{"scripted/tokens=4;stall=60s;at=2", []llm.Option{llm.WithIdleTimeout(20 * time.Millisecond)}, []error{llm.ErrTimeout, llm.ErrConnection, context.DeadlineExceeded}},
		{"nobody/model", nil, []error{llm.ErrConnection}},
		{"locked/model", nil, []error{llm.ErrAuth}},
		{"scripted/echo", []llm.Option{llm.WithOperation("paint")}, []error{llm.ErrUnsupported}},
		{"scripted/echo", []llm.Option{llm.WithOption("no_such_option", 1)}, []error{llm.ErrConfig}},
		{"scripted/echo", []llm.Option{llm.WithExtraBody(map[string]any{"f": func() {}})}, []error{llm.ErrInvalidArgument}},
		{"no_such_provider/model", nil, []error{llm.ErrConfig}},
	} {
		_, err := collect(t, client, context.Background(), test.model, append(test.wishes, llm.WithMaxAttempts(1))...)
		var failed *llm.Error
		if !errors.As(err, &failed) || failed.Message == "" || failed.Kind == "" && failed.JSON != "" {
			t.Errorf("%s: %#v", test.model, err)
			continue
		}
		for _, condition := range all {
			expected := false
			for _, is := range test.is {
				expected = expected || is == condition
			}
			if errors.Is(err, condition) != expected {
				t.Errorf("%s: errors.Is(%v, %v) is %v", test.model, err, condition, !expected)
			}
		}
	}
}

func TestAnErrorTellsEverything(t *testing.T) {
	client := newClient(t)
	_, err := collect(t, client, context.Background(), "scripted/status=429;retry_after=7", llm.WithMaxAttempts(1))
	var failed *llm.Error
	if !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if failed.Status != llm.StatusRateLimited || failed.Status.String() != "LLM_ERR_RATE_LIMITED" || failed.Kind != "rate_limited" ||
		failed.HTTPStatus != 429 || failed.RetryAfter != 7*time.Second || !failed.Retryable || failed.Code != "rate_limit_exceeded" ||
		failed.Type != "requests" || failed.Provider != "scripted" || failed.Model != "status=429;retry_after=7" ||
		!strings.HasPrefix(failed.RequestID, "req_") || failed.Phase != "first_item" || !strings.Contains(failed.RawBody, "scripted") {
		t.Errorf("%+v", failed)
	}
	if len(failed.Attempts) != 1 || failed.Attempts[0].HTTPStatus != 429 || failed.Attempts[0].Status != "LLM_ERR_RATE_LIMITED" ||
		failed.Attempts[0].Took <= 0 {
		t.Errorf("%+v", failed.Attempts)
	}
	if line := failed.Error(); !strings.Contains(line, "LLM_ERR_RATE_LIMITED") || !strings.Contains(line, failed.RequestID) {
		t.Error(line)
	}
}

func TestABrokenStreamKeepsWhatWasSaid(t *testing.T) {
	client := newClient(t)
	for _, model := range []string{"scripted/tokens=64;pace=1ms;cut=rst;at=10", "messages/tokens=64;cut=fin;at=10"} {
		events, err := collect(t, client, context.Background(), model)
		var failed *llm.Error
		if !errors.As(err, &failed) || !errors.Is(err, llm.ErrStreamInterrupted) {
			t.Fatal(model, err)
		}
		if failed.PartialText != words(10) || failed.PartialText != textOf(events) || failed.Phase != "stream" {
			t.Errorf("%s: %q in phase %s", model, failed.PartialText, failed.Phase)
		}
		if failed.Partial == nil || failed.Partial.ID == "" || failed.Timeout() {
			t.Errorf("%s: %+v", model, failed.Partial)
		}
	}
}

func TestAFallbackIsToldAndCounted(t *testing.T) {
	client := newClient(t)
	events, err := collect(t, client, context.Background(), "scripted/status=529", llm.WithFallbacks("messages/tokens=3"))
	if err != nil {
		t.Fatal(err)
	}
	var routes []llm.Route
	for _, event := range events {
		if route, ok := event.(llm.Route); ok {
			routes = append(routes, route)
		}
	}
	last := routes[len(routes)-1]
	if last.Reason != "fallback" || last.Provider != "messages" || len(last.Tried) != 1 || last.Tried[0].Provider != "scripted" || last.Attempt != 2 {
		t.Errorf("%+v", routes)
	}
	done := events[len(events)-1].(llm.Done)
	if len(done.Attempts) != 2 || done.Provider != "messages" || done.Attempts[0].Kind != "overloaded" {
		t.Errorf("%+v", done)
	}
}
