//go:build ignore

// Many streams, a goroutine each and no thread; one is cancelled by its context, which closes its connection.   usage: many [MODEL]
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"sync"

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
			answer := ""
			for text, err := range llm.Texts(client.Stream(ctx, request)) {
				switch {
				case errors.Is(err, context.Canceled):
					fmt.Fprintf(os.Stderr, "stream %d was cancelled after %q\n", number, answer)
					return
				case err != nil:
					log.Fatal(err)
				}
				if answer += text; number == 0 {
					cancel()
				}
			}
			if number == 1 {
				fmt.Println(answer)
			}
		}()
	}
	streams.Wait()
}
