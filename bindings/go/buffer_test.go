package llm

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What no user can see from outside: how much waits, what is joined, what is copied.

func newScripted(t *testing.T, config Config) *Client {
	t.Helper()
	client, err := New(FromConfig(config))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}

func (s *Stream) look() (held int, paused, ended bool, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.backlog == nil {
		return 0, s.paused, s.ended, 0
	}
	return s.backlog.held, s.paused, s.ended, len(s.backlog.pending)
}

func TestASlowReaderIsNotDrowned(t *testing.T) {
	client := newScripted(t, Config{})
	const tokens = 300_000 // two megabytes
	stream := client.NewStream(context.Background(), Request{Model: "mock/tokens=300000", Messages: []Message{User("hi")}})
	defer stream.Close()
	if !stream.Next() {
		t.Fatal(stream.Err())
	}
	for paused := false; !paused; runtime.Gosched() {
		_, paused, _, _ = stream.look()
	}
	// What was on its way may still come: the library's own share of the queue, in one event of at most that size each.
	other, err := client.Chat(context.Background(), Request{Model: "mock/echo", Messages: []Message{User("another one goes on")}})
	if err != nil || other.Text() != "another one goes on" {
		t.Error(err)
	}
	held, _, ended, waiting := stream.look()
	if held > 3*heldMax || ended || waiting > 3 {
		t.Errorf("%d bytes in %d events wait, ended: %v", held, waiting, ended)
	}
	answer, err := stream.Final()
	if err != nil {
		t.Fatal(err)
	}
	if count := strings.Count(answer.Text(), "w"); count != tokens || !strings.HasSuffix(answer.Text(), " w299999") {
		t.Errorf("%d tokens came", count)
	}
}

func TestNothingComesAfterClose(t *testing.T) {
	client := newScripted(t, Config{})
	stream := client.NewStream(context.Background(), Request{Model: "mock/tokens=20", Messages: []Message{User("hi")}})
	for ended := false; !ended; runtime.Gosched() {
		_, _, ended, _ = stream.look()
	}
	// All of it waits, and the first Next takes it in one go: two are left of it.
	if !stream.Next() || len(stream.taken) < 2 {
		t.Fatalf("%v, %d events were taken", stream.Err(), len(stream.taken))
	}
	stream.Close()
	if stream.Next() || stream.Current() != nil || stream.Err() != nil {
		t.Errorf("after Close came %#v, %v", stream.Current(), stream.Err())
	}
	if _, err := stream.Final(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

func TestAReaderThatNeverComesBackIsLeft(t *testing.T) {
	client := newScripted(t, Config{Timeouts: &Timeouts{ConsumerStall: 0.05}})
	stream := client.NewStream(context.Background(), Request{Model: "mock/tokens=300000", Messages: []Message{User("hi")}})
	defer stream.Close()
	for ended := false; !ended; runtime.Gosched() {
		_, _, ended, _ = stream.look()
	}
	if _, err := stream.Final(); !errors.Is(err, ErrStalled) {
		t.Error(err)
	}
}

func TestEveryDeltaComesAloneIfAskedFor(t *testing.T) {
	client := newScripted(t, Config{})
	for _, test := range []struct {
		wishes []Option
		events int
	}{{nil, 1}, {[]Option{WithEveryDelta()}, 30}} {
		stream := client.NewStream(context.Background(), Request{Model: "mock/tokens=30;pace=3ms", Messages: []Message{User("hi")}}, test.wishes...)
		for ended := false; !ended; runtime.Gosched() {
			_, _, ended, _ = stream.look()
		}
		events, text := 0, ""
		for stream.Next() {
			if delta, ok := stream.Current().(TextDelta); ok {
				events++
				text += delta.Text
			}
		}
		if events != test.events || !strings.HasSuffix(text, " w29") || !strings.HasPrefix(text, "w0 w1 ") {
			t.Errorf("%d events: %q", events, text)
		}
	}
}

func TestKeptTextStaysAsItWas(t *testing.T) {
	var texts chunks
	lent := make([]byte, 100)
	var kept []string
	for i := range 1000 {
		for at := range lent {
			lent[at] = byte('a' + i%26)
		}
		kept = append(kept, texts.keep(lent[:i%100]))
	}
	kept = append(kept, texts.keep(make([]byte, sharedMax+1)))
	for i, text := range kept[:1000] {
		if text != strings.Repeat(string(rune('a'+i%26)), i%100) {
			t.Fatalf("%d is %q", i, text)
		}
	}
	if len(kept[1000]) != sharedMax+1 || len(texts.room) > chunkBytes {
		t.Error("a long text needs no chunk")
	}
}

func TestWhatANewerLibrarySaysIsUnknownOrHalfKnown(t *testing.T) {
	if event, ok := decode(&item{kind: 77, text: "x"}).(Unknown); !ok || event.Type != 77 || string(event.Data) != "x" {
		t.Error("a new kind of event")
	}
	if event, ok := decode(&item{kind: kindToolCall, text: "[]"}).(Unknown); !ok || event.Type != kindToolCall {
		t.Error("a tool call of another shape")
	}
	done, ok := decode(&item{kind: kindDone, text: `{"id":7,"provider":"p","later":{},"usage":{"prompt_tokens":3,"total_tokens":null}}`}).(Done)
	if !ok || done.Provider != "p" || done.Usage.PromptTokens != 3 || done.Usage.TotalTokens != UnknownCount || done.Usage.CompletionTokens != UnknownCount {
		t.Errorf("%+v", done)
	}
	if failed := readError(-77, "no json"); failed.Status != -77 || failed.Message == "" || failed.JSON != "no json" {
		t.Errorf("%+v", failed)
	}
}

func TestOnlyHundredsOfStreamsAreWaitedFor(t *testing.T) {
	for _, test := range []struct {
		live, brought int
		patience      time.Duration
	}{{0, 0, 0}, {255, 0, 0}, {600, 20, 3 * time.Millisecond}, {1000, batchMax, 0}, {100_000, 20, 5 * time.Millisecond}} {
		q := &queue{live: test.live, brought: test.brought}
		if found := q.patience(); found != test.patience {
			t.Errorf("%d live, %d brought: %s", test.live, test.brought, found)
		}
	}
}

func TestStreamIsAskedForOnce(t *testing.T) {
	for said, sent := range map[string]string{
		`{"a":1}`:                  `{"stream":true,"a":1}`,
		" { } ":                    ` {"stream":true } `,
		`{"b":{"stream":1}}`:       `{"stream":true,"b":{"stream":1}}`,
		`{"stream":false,"a":[1]}`: `{"stream":false,"a":[1]}`,
		`[1]`:                      `[1]`,
		`{`:                        `{`,
	} {
		if text, err := (Request{Raw: []byte(said)}).encode(true); err != nil || text != sent {
			t.Errorf("%s became %s", said, text)
		}
	}
	text, err := Request{Model: "m", Extra: map[string]any{"model": "other", "x": 1}}.encode(true)
	if err != nil || text != `{"stream":true,"messages":[],"model":"other","x":1}` {
		t.Error(text, err)
	}
}
