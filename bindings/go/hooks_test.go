package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/libllm/libllm/bindings/go"
)

// asking is a client whose configuration asks these hooks.
func asking(t *testing.T, config string, hooks llm.Hooks) *llm.Client {
	t.Helper()
	client, err := llm.New(llm.FromText(config), llm.WithHooks(hooks))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func TestHooksSeeEachMomentWithTheRequestsContext(t *testing.T) {
	type key struct{}
	var mu sync.Mutex
	var seen []string
	note := func(ctx context.Context, question llm.Question) (*llm.Reply, error) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, question.Kind+" "+ctx.Value(key{}).(string))
		return nil, nil
	}
	client := asking(t, "[hooks]\nbefore = true\nattempt = true\nafter = true\n", llm.Hooks{
		Before: note, Attempt: note,
		After: func(ctx context.Context, question llm.Question) error {
			if question.Status != "LLM_OK" || !json.Valid(question.Outcome) {
				t.Errorf("a wrong outcome: %+v", question)
			}
			_, err := note(ctx, question)
			return err
		},
	})
	ctx := context.WithValue(t.Context(), key{}, "mine")
	answer, err := client.Chat(ctx, said("mock/echo", "some words"))
	if err != nil || answer.Text() != "some words" {
		t.Fatal(answer, err)
	}
	if all := strings.Join(seen, ", "); all != "before mine, attempt mine, after mine" {
		t.Fatal(all)
	}
}

func TestAHookReplacesTheRequest(t *testing.T) {
	client := asking(t, "[hooks]\nbefore = true\n", llm.Hooks{
		Before: func(_ context.Context, question llm.Question) (*llm.Reply, error) {
			var request map[string]any
			if err := json.Unmarshal(question.Request, &request); err != nil {
				return nil, err
			}
			request["messages"] = []any{map[string]any{"role": "user", "content": "other words"}}
			return &llm.Reply{Request: request}, nil
		},
	})
	answer, err := client.Chat(t.Context(), said("mock/echo", "some words"))
	if err != nil || answer.Text() != "other words" {
		t.Fatal(answer, err)
	}
}

func TestAHookGivesTheKey(t *testing.T) {
	config := provider.config()
	scripted := config.Providers["scripted"]
	scripted.Auth, scripted.APIKey = "", "ask"
	config.Providers["scripted"] = scripted
	asked := 0
	client, err := llm.New(llm.FromConfig(config), llm.WithHooks(llm.Hooks{
		Token: func(_ context.Context, question llm.Question) (string, error) {
			asked++
			return "key of " + question.Provider, nil
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	answer, err := client.Chat(t.Context(), said("scripted/text=ok", "x"))
	if err != nil || answer.Text() != "ok" || asked != 1 {
		t.Fatal(answer, err, asked)
	}
}

func TestWhatAHookFailsWithEndsTheRequest(t *testing.T) {
	refuse := func(err error) llm.Hooks {
		return llm.Hooks{Before: func(context.Context, llm.Question) (*llm.Reply, error) { return nil, err }}
	}
	unfit := func(context.Context, llm.Question) (*llm.Reply, error) { return &llm.Reply{APIKey: "k"}, nil }
	for _, each := range []struct {
		hooks llm.Hooks
		is    error
		words string
	}{
		{refuse(errors.New("not in this house")), context.Canceled, "not in this house"},
		{refuse(&llm.Error{Status: llm.StatusContentFilter, Message: "no"}), llm.ErrContentFilter, "no"},
		{llm.Hooks{Before: unfit}, llm.ErrInvalidArgument, "hook"},
		{llm.Hooks{}, llm.ErrUnsupported, `this client has no hook "before"`},
	} {
		client := asking(t, "[hooks]\nbefore = true\n", each.hooks)
		_, err := client.Chat(t.Context(), said("mock/echo", "x"))
		var failed *llm.Error
		if !errors.As(err, &failed) || !errors.Is(err, each.is) || !strings.Contains(failed.Message, each.words) ||
			failed.Param != "hooks.before" {
			t.Errorf("%v is not %v with %q", err, each.is, each.words)
		}
	}
}

func TestARequestThatIsCancelledWhileItAsksEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	over := make(chan struct{})
	defer close(over)
	client := asking(t, "[hooks]\nbefore = true\n", llm.Hooks{
		Before: func(ctx context.Context, _ llm.Question) (*llm.Reply, error) {
			cancel()
			<-ctx.Done()
			<-over
			return nil, nil
		},
	})
	if _, err := client.Chat(ctx, said("mock/echo", "x")); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func said(model, words string) llm.Request {
	return llm.Request{Model: model, Messages: []llm.Message{llm.User(words)}}
}

func TestANumberOfAHooksRequestKeepsItsDigits(t *testing.T) {
	const large = "9007199254740993"
	seen := make(chan string, 1)
	place := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		seen <- string(text)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"a","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}`)
	}))
	defer place.Close()
	config := `{"hooks":{"before":true},"providers":{"house":{"wire":"openai_chat","base_url":"` + place.URL + `/v1"}}}`
	client := asking(t, config, llm.Hooks{
		Before: func(_ context.Context, question llm.Question) (*llm.Reply, error) {
			return &llm.Reply{Request: json.RawMessage(strings.Replace(string(question.Request), `"seed":1`, `"seed":`+large, 1))}, nil
		},
	})
	request := said("house/m", "x")
	request.Seed = llm.Ptr(int64(1))
	if _, err := client.Chat(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	if text := <-seen; !strings.Contains(text, large) {
		t.Error(text)
	}
}
