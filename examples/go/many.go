//go:build ignore

// Many streams, a goroutine each and no thread; one is cancelled by its context, which closes its connection.   usage: many [MODEL]
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"
	"time"

	"github.com/libllm/libllm/bindings/go"
)

func main() {
	client, err := llm.New()
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	request := llm.Request{Messages: []llm.Message{llm.User("Count to twelve.")}}
	if len(os.Args) > 1 {
		request.Model = os.Args[1]
	}

	var streams sync.WaitGroup
	for number := range 16 {
		streams.Add(1)
		go func() {
			defer streams.Done()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			answer, began, first := "", time.Now(), time.Duration(0)
			for text, err := range llm.Texts(client.Stream(ctx, request)) {
				switch {
				case errors.Is(err, context.Canceled):
					fmt.Fprintf(os.Stderr, "stream %d was cancelled after %q\n", number, answer)
					return
				case err != nil:
					log.Fatal(err)
				}
				first = cmp.Or(first, time.Since(began))
				if answer += text; number == 0 {
					cancel()
				}
			}
			if number == 1 {
				fmt.Printf("%s (first token after %s)\n", answer, first)
			}
		}()
	}
	streams.Wait()
}
