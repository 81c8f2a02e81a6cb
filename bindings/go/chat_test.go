package llm_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libllm/libllm/bindings/go"
)

func TestChatIsTheWholeAnswer(t *testing.T) {
	client := newClient(t)
	for _, model := range []string{"mock/", "scripted/", "messages/"} {
		answer, err := client.Chat(context.Background(), ask(model+`text=Hello there;reasoning=2;tool=f:{"a":[1]}`))
		if err != nil {
			t.Fatal(model, err)
		}
		calls := answer.ToolCalls()
		if answer.Text() != "Hello there" || answer.Answers[0].Reasoning != "r0 r1" || len(calls) != 1 || calls[0].Name != "f" ||
			calls[0].Arguments != `{"a":[1]}` || calls[0].ID == "" || answer.FinishReason != "tool_calls" {
			t.Errorf("%s: %+v", model, answer.Answers)
		}
		// The turn goes back as it is, and the provider takes it.
		turn, err := json.Marshal(answer.Turn())
		if err != nil || !strings.Contains(string(turn), "Hello there") || !strings.Contains(string(turn), calls[0].ID) {
			t.Errorf("%s: %s, %v", model, turn, err)
		}
		next := ask(model + "echo")
		next.Messages = append(next.Messages, answer.Turn(), llm.ToolResult(calls[0].ID, "done"), llm.User("and now?"))
		if answer, err = client.Chat(context.Background(), next); err != nil || answer.Text() != "and now?" {
			t.Errorf("%s: %v", model, err)
		}
	}
}

func TestSeveralAnswersAreKeptApart(t *testing.T) {
	client := newClient(t)
	for _, stream := range []bool{false, true} {
		request := ask("scripted/tokens=3;tool=f:{}")
		request.N = 3
		var answer *llm.Response
		var err error
		if stream {
			answer, err = client.NewStream(context.Background(), request).Final()
		} else {
			answer, err = client.Chat(context.Background(), request)
		}
		if err != nil || len(answer.Answers) != 3 {
			t.Fatal(err)
		}
		for _, one := range answer.Answers {
			if one.Text != words(3) || len(one.ToolCalls) != 1 || one.FinishReason != "tool_calls" {
				t.Errorf("%+v", one)
			}
		}
	}
}

func TestTheTurnOfAStreamHoldsItsText(t *testing.T) {
	client := newClient(t)
	answer, err := client.NewStream(context.Background(), ask("messages/tokens=3;reasoning=1")).Final()
	if err != nil {
		t.Fatal(err)
	}
	turn, _ := json.Marshal(answer.Turn())
	if !strings.Contains(string(turn), words(3)) || !strings.Contains(string(turn), "assistant") {
		t.Errorf("%s", turn)
	}
}

func TestTheRequestArrivesAsItWasSaid(t *testing.T) {
	client := newClient(t)
	request := llm.Request{
		Model: "scripted/echo", Messages: []llm.Message{llm.System("be brief"), llm.UserParts(llm.TextPart("one"), llm.TextPart("two"))},
		MaxTokens: 5, Temperature: llm.Ptr(0.0), Tools: []llm.Tool{{Name: "f", Parameters: map[string]any{"type": "object"}}},
		Extra: map[string]any{"top_k": 3},
	}
	if answer, err := client.Chat(context.Background(), request); err != nil || !strings.Contains(answer.Text(), "two") {
		t.Error(err)
	}
	raw := llm.Request{Raw: json.RawMessage(`{"model":"scripted/echo","messages":[{"role":"user","content":"raw"}]}`)}
	answer, err := client.NewStream(context.Background(), raw).Final()
	if err != nil || answer.Text() != "raw" {
		t.Error(err)
	}
	if _, err := client.Chat(context.Background(), llm.Request{Raw: json.RawMessage("nonsense")}); !errors.Is(err, llm.ErrInvalidArgument) {
		t.Error(err)
	}
	request.Extra["f"] = func() {}
	if _, err := client.Chat(context.Background(), request); !errors.Is(err, llm.ErrInvalidArgument) {
		t.Error(err)
	}
}

func TestAClientIsMadeOfOptionsAFileATextOrTheEnvironment(t *testing.T) {
	config := provider.config()
	config.DefaultModel = "both"
	config.Models = map[string]llm.Alias{"both": llm.Targets("scripted/status=503", "messages/tokens=2")}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "llm.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LLM_CONFIG", file)
	for name, how := range map[string][]llm.ClientOption{
		"options": {llm.FromConfig(config), llm.WithQueueBytes(1 << 20)}, "file": {llm.FromFile(file)},
		"text": {llm.FromText(string(text))}, "environment": {llm.FromEnv()}, "nothing": {},
	} {
		client, err := llm.New(how...)
		if err != nil {
			t.Fatal(name, err)
		}
		answer, err := client.Chat(context.Background(), ask(""))
		if err != nil || answer.Text() != words(2) || answer.Provider != "messages" {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(client.Metrics(llm.MetricsPrometheus), "llm_") || !json.Valid([]byte(client.Metrics(llm.MetricsJSON))) {
			t.Errorf("%s: %s", name, client.Metrics(llm.MetricsPrometheus))
		}
		if err := client.Reload(llm.FromText(`{"default_model":"mock/text=anew"}`)); err != nil {
			t.Error(err)
		}
		if answer, err = client.Chat(context.Background(), ask("")); err != nil || answer.Text() != "anew" {
			t.Errorf("%s: %v", name, err)
		}
		client.Close()
	}
	for _, how := range [][]llm.ClientOption{
		{llm.FromText("nonsense = ")}, {llm.FromFile("/no/such/file")}, {llm.FromText("{}"), llm.FromFile(file)},
		{llm.FromConfig(llm.Config{Extra: map[string]any{"no_such_key": 1}})},
	} {
		if _, err := llm.New(how...); !errors.Is(err, llm.ErrConfig) {
			t.Error(err)
		}
	}
	client := newClient(t)
	if err := client.Reload(llm.WithQueueBytes(1)); !errors.Is(err, llm.ErrInvalidArgument) {
		t.Error(err)
	}
	if !strings.HasPrefix(llm.Version(), "0.") {
		t.Error(llm.Version())
	}
}

func TestOptionsReachTheLibrary(t *testing.T) {
	client := newClient(t)
	answer, err := client.Chat(context.Background(), ask("tokens=2"), llm.WithProvider("scripted"))
	if err != nil || answer.Target != "scripted/tokens=2" {
		t.Error(err)
	}
	answer, err = client.Chat(context.Background(), ask("scripted/echo"), llm.WithBaseURL(provider.origin+"/other/v1"), llm.WithAPIKey("sk-test"),
		llm.WithHeaders(map[string]string{"x-team": "go"}), llm.WithIdempotencyKey("once"), llm.WithUnsupported("pass"),
		llm.WithOnPartial("error"), llm.WithExtraBody(map[string]any{"n": 2}), llm.WithoutCache(), llm.WithEveryDelta(), llm.WithOperation("chat"),
		llm.WithStrategy("order"), llm.WithTags("t"), llm.WithSession("s"), llm.WithTenant("n"), llm.WithMetadata(map[string]string{"k": "v"}))
	if err != nil || len(answer.Answers) != 2 {
		t.Error(err)
	}
	// Once: two requests fail, so that one attempt is not enough and three are.
	script := "scripted/status=503;times=2"
	if _, err := client.Chat(context.Background(), ask(script), llm.WithMaxAttempts(1), llm.WithHeaders(map[string]string{"x-mock-key": "go"})); !errors.Is(err, llm.ErrServer) {
		t.Error(err)
	}
	events, err := collect(t, client, context.Background(), "mock/tokens=3", llm.WithMessage())
	if done := events[len(events)-1].(llm.Done); err != nil || !strings.Contains(string(done.Message), words(3)) {
		t.Errorf("%v, %s", err, done.Message)
	}
}

func TestTheCacheTakesEveryForm(t *testing.T) {
	client := newClient(t)
	cached := func(text string, wishes ...llm.Option) bool {
		request := llm.Request{Model: "mock/echo", Messages: []llm.Message{llm.User(text)}}
		events := 0
		for event, err := range client.Stream(context.Background(), request, wishes...) {
			if err != nil {
				t.Fatal(err)
			}
			if done, ok := event.(llm.Done); ok {
				return done.Cached
			}
			events++
		}
		t.Fatalf("no end after %d events", events)
		return false
	}
	for number, step := range []struct {
		text   string
		wish   llm.Option
		cached bool
	}{
		{"a", llm.WithCache(llm.Cache{}), false},
		{"a", llm.WithCache(llm.Cache{ExactOnly: true}), true},
		{"a", llm.WithoutCache(), false},
		{"a", llm.WithCache(llm.Cache{Refresh: true}), false},
		{"b", llm.WithCache(llm.Cache{Key: "faq", TTL: time.Minute, Tags: []string{"t"}}), false},
		{"c", llm.WithCache(llm.Cache{Key: "faq"}), true},
		{"c", llm.WithOption("cache", "refresh"), false},
	} {
		if got := cached(step.text, step.wish); got != step.cached {
			t.Errorf("step %d: cached is %v", number, got)
		}
	}
}

// lines is a handler that keeps what it is told.
type lines struct {
	slog.Handler
	mu   sync.Mutex
	told []slog.Record
}

func (l *lines) Handle(_ context.Context, line slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, line)
	return nil
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func TestTheLogGoesToSlog(t *testing.T) {
	kept := &lines{}
	if err := llm.SetLogger(slog.New(kept), slog.LevelDebug); err != nil {
		t.Fatal(err)
	}
	client := newClient(t)
	if _, err := client.Chat(context.Background(), ask("scripted/status=503"), llm.WithFallbacks("messages/echo"), llm.WithMaxAttempts(2)); err != nil {
		t.Error(err)
	}
	// Hands over what waits before it returns.
	if err := llm.SetLogger(nil, 0); err != nil {
		t.Fatal(err)
	}
	levels := map[slog.Level]int{}
	for _, line := range kept.told {
		levels[line.Level]++
		if line.Message == "" {
			t.Error("an empty line")
		}
	}
	if levels[slog.LevelInfo] == 0 || levels[slog.LevelDebug] == 0 || levels[llm.LevelTrace] != 0 {
		t.Errorf("%v", levels)
	}
	before := len(kept.told)
	if _, err := client.Chat(context.Background(), ask("mock/echo")); err != nil || len(kept.told) != before {
		t.Error("a line came after the end of logging", err)
	}
}
