package llm_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/libllm/libllm/bindings/go"
)

func TestAStreamIsItsEventsAndThenDone(t *testing.T) {
	client := newClient(t)
	for _, model := range []string{"mock/tokens=20", "scripted/tokens=20", "messages/tokens=20;pace=1ms"} {
		events, err := collect(t, client, context.Background(), model, llm.WithIdleTimeout(-1))
		if err != nil {
			t.Fatal(model, err)
		}
		if text := textOf(events); text != words(20) {
			t.Errorf("%s said %q", model, text)
		}
		route, ok := events[0].(llm.Route)
		if !ok || route.Reason != "first" || route.Provider+"/"+route.Model != model {
			t.Errorf("%s began with %#v", model, events[0])
		}
		done, ok := events[len(events)-1].(llm.Done)
		if !ok || done.FinishReason != "stop" || done.Usage.CompletionTokens != 20 || done.Target != model || len(done.Attempts) != 1 ||
			done.RequestID == "" || done.Timing.Total <= 0 || done.Cost.MicroUSD != llm.UnknownCount {
			t.Errorf("%s ended with %#v", model, events[len(events)-1])
		}
	}
}

func TestNextCurrentErrAndClose(t *testing.T) {
	client := newClient(t)
	stream := client.NewStream(context.Background(), ask("scripted/tokens=5"))
	var events []llm.Event
	for stream.Next() {
		events = append(events, stream.Current())
	}
	if stream.Err() != nil || textOf(events) != words(5) || stream.Current() != nil || stream.Next() {
		t.Fatalf("%v, %q, %v", stream.Err(), textOf(events), stream.Current())
	}
	if stream.Close() != nil || stream.Close() != nil {
		t.Error("closing an ended stream is harmless")
	}
}

func TestToolCallsReasoningAndRefusalsHaveTheirOwnEvents(t *testing.T) {
	client := newClient(t)
	events, err := collect(t, client, context.Background(), `messages/reasoning=3;tool=get_weather:{"city":"Oslo"};tool=other`)
	if err != nil {
		t.Fatal(err)
	}
	var reasoning, first, second strings.Builder
	var calls []llm.ToolCall
	signed := false
	for _, event := range events {
		switch event := event.(type) {
		case llm.ReasoningDelta:
			reasoning.WriteString(event.Text)
		case llm.ToolCall:
			calls = append(calls, event)
		case llm.ToolArgs:
			if event.Index == 0 {
				first.WriteString(event.JSON)
			} else {
				second.WriteString(event.JSON)
			}
		case llm.Part:
			signed = signed || event.Kind == "signature" && len(event.Data) > 0
		}
	}
	if reasoning.String() != "r0 r1 r2" || first.String() != `{"city":"Oslo"}` || second.String() != "{}" || !signed {
		t.Errorf("%q, %q, %q, signed %v", reasoning.String(), first.String(), second.String(), signed)
	}
	if len(calls) != 2 || calls[0].Name != "get_weather" || calls[1].Name != "other" || calls[1].Index != 1 || calls[0].ID == "" {
		t.Errorf("%#v", calls)
	}
	events, err = collect(t, client, context.Background(), "scripted/refusal=I can not")
	var refusal strings.Builder
	for _, event := range events {
		if delta, ok := event.(llm.RefusalDelta); ok {
			refusal.WriteString(delta.Text)
		}
	}
	if err != nil || refusal.String() != "I can not" || textOf(events) != "" {
		t.Errorf("%v, %q, %q", err, refusal.String(), textOf(events))
	}
}

func TestChunksOfTheProviderComeRawWhenAskedFor(t *testing.T) {
	client := newClient(t)
	events, err := collect(t, client, context.Background(), "scripted/tokens=2", llm.WithRaw())
	raw := 0
	for _, event := range events {
		if chunk, ok := event.(llm.Raw); ok && strings.Contains(string(chunk.Data), "chat.completion.chunk") {
			raw++
		}
	}
	if err != nil || raw < 3 {
		t.Errorf("%v, %d raw chunks", err, raw)
	}
}

func TestLeavingTheLoopClosesTheConnection(t *testing.T) {
	client := newClient(t)
	provider.forget(t)
	for event, err := range client.Stream(context.Background(), ask("scripted/tokens=1000;pace=20ms")) {
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := event.(llm.TextDelta); ok {
			break
		}
	}
	provider.until(t, func(seen stats) bool { return seen.ClosedByClient == 1 && seen.Live == 0 })
}

func TestACancelledContextClosesTheConnection(t *testing.T) {
	client := newClient(t)
	provider.forget(t)
	reason := errors.New("the user left")
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	var failed *llm.Error
	for event, err := range client.Stream(ctx, ask("scripted/tokens=1000;pace=20ms")) {
		if _, ok := event.(llm.TextDelta); ok {
			cancel(reason)
		}
		if err != nil && !errors.As(err, &failed) {
			t.Fatal(err)
		}
	}
	if failed == nil || failed.Status != llm.StatusCanceled || !errors.Is(failed, context.Canceled) || !errors.Is(failed, reason) {
		t.Fatalf("%#v", failed)
	}
	if !strings.HasPrefix(words(1000), failed.PartialText) || failed.PartialText == "" {
		t.Errorf("partial text %q", failed.PartialText)
	}
	provider.until(t, func(seen stats) bool { return seen.ClosedByClient == 1 && seen.Live == 0 })
}

func TestADeadlineClosesTheConnection(t *testing.T) {
	client := newClient(t)
	provider.forget(t)
	// Long enough for the request to have arrived on a busy machine.
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := client.Chat(ctx, ask("scripted/tokens=2;ttft=60s"))
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	provider.until(t, func(seen stats) bool { return seen.ClosedByClient == 1 && seen.Live == 0 })
	_, err = client.Chat(ctx, ask("scripted/tokens=2"))
	if !errors.Is(err, context.DeadlineExceeded) || provider.stats(t).Requests != 1 {
		t.Error("a context that is over asks nobody:", err)
	}
}

func TestCloseFromAnotherGoroutineWakesTheReader(t *testing.T) {
	client := newClient(t)
	provider.forget(t)
	stream := client.NewStream(context.Background(), ask("scripted/tokens=2;ttft=60s"))
	ended := make(chan int)
	go func() {
		events := 0
		for stream.Next() {
			events++
		}
		ended <- events
	}()
	provider.until(t, func(seen stats) bool { return seen.Live == 1 })
	stream.Close()
	<-ended
	provider.until(t, func(seen stats) bool { return seen.ClosedByClient == 1 })
}

func TestClosingTheClientEndsItsStreams(t *testing.T) {
	client := newClient(t)
	provider.forget(t)
	stream := client.NewStream(context.Background(), ask("scripted/tokens=2;ttft=60s"))
	defer stream.Close()
	provider.until(t, func(seen stats) bool { return seen.Live == 1 })
	client.Close()
	for stream.Next() {
	}
	if !errors.Is(stream.Err(), context.Canceled) {
		t.Error(stream.Err())
	}
	if _, err := client.Chat(context.Background(), ask("mock/echo")); !errors.Is(err, llm.ErrClosed) {
		t.Error(err)
	}
	if client.Close() != nil || client.Metrics(llm.MetricsJSON) != "" || !errors.Is(client.Reload(llm.FromEnv()), llm.ErrClosed) {
		t.Error("a closed client answers, and frees nothing twice")
	}
}

func TestDrainWaitsForWhatIsInFlight(t *testing.T) {
	client := newClient(t)
	provider.forget(t)
	stream := client.NewStream(context.Background(), ask("scripted/tokens=10;ttft=100ms"))
	defer stream.Close()
	provider.until(t, func(seen stats) bool { return seen.Live == 1 })
	if err := client.Drain(context.Background()); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Final()
	if err != nil || answer.Text() != words(10) {
		t.Error(err)
	}

	client = newClient(t)
	stream = client.NewStream(context.Background(), ask("scripted/tokens=10;ttft=60s"))
	defer stream.Close()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if err := client.Drain(over); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := stream.Final(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestTextsAreTheTextAlone(t *testing.T) {
	client := newClient(t)
	said := ""
	for text, err := range llm.Texts(client.Stream(context.Background(), ask("scripted/tokens=4;n=2"))) {
		if err != nil {
			t.Fatal(err)
		}
		said += text
	}
	if said != words(4) {
		t.Errorf("%q", said)
	}
	for _, err := range llm.Texts(client.Stream(context.Background(), ask("scripted/status=400"))) {
		if !errors.Is(err, llm.ErrBadRequest) {
			t.Error(err)
		}
	}
}
