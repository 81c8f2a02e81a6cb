//go:build ignore

// One question, one answer, and the next question with the answer before it; the library's log goes to slog.   usage: chat [MODEL]
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/libllm/libllm/bindings/go"
)

func main() {
	llm.SetLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelInfo})), slog.LevelInfo)
	client, err := llm.New()
	if err != nil {
		fail(err)
	}
	defer client.Close()

	request := llm.Request{Messages: []llm.Message{llm.System("Be brief."), llm.User("Count to twelve.")}}
	if len(os.Args) > 1 {
		request.Model = os.Args[1]
	}
	for _, next := range []string{"And now backwards.", ""} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		answer, err := client.Chat(ctx, request, llm.WithMaxAttempts(4), llm.WithIdleTimeout(20*time.Second))
		cancel()
		if err != nil {
			fail(err)
		}
		fmt.Printf("%s: %s (first token after %s)\n", answer.Provider, answer.Text(), answer.Timing.FirstToken)
		request.Messages = append(request.Messages, answer.Turn(), llm.User(next))
	}
}

func fail(err error) {
	switch {
	case errors.Is(err, llm.ErrAuth):
		fmt.Fprintln(os.Stderr, "the key is missing or wrong")
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintln(os.Stderr, "it took too long")
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
