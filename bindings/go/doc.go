// Package llm is libllm for Go: an LLM client that lives in the process, behind the C interface of llm.h.
//
//	client, err := llm.New()
//	if err != nil { ... }
//	defer client.Close()
//
//	request := llm.Request{Model: "openai/gpt-5-mini", Messages: []llm.Message{llm.User("Explain CAP in one breath.")}}
//	for event, err := range client.Stream(ctx, request, llm.WithFirstTokenTimeout(2*time.Second)) {
//		if err != nil { ... }           // errors.As(err, *llm.Error), errors.Is(err, llm.ErrRateLimit)
//		switch event := event.(type) {
//		case llm.TextDelta:
//			fmt.Print(event.Text)
//		case llm.Done:
//			fmt.Println(event.Usage.CompletionTokens, event.Provider)
//		}
//	} // leaving the loop closes the provider's stream
//
// A client has one completion queue and one goroutine that takes events out of it, parked in Go's network poller while there are
// none. A stream costs no thread and no goroutine beside the caller's own. Whoever reads slowly slows the provider down: at most
// 256 KiB wait for a consumer here and as much in the library, then its connection is left unread.
//
// A context that is cancelled, or whose deadline passes, closes the provider's connection, so that generation is no longer paid for;
// the error then is the context's, in an *Error with what is known of the request.
//
// All functions and methods may be called from any goroutine, but for a Stream's Next, Current and Err, which belong to one at a
// time. A child made by fork without exec must not use a client of its parent: it gets ErrForked. os/exec is not concerned.
package llm
