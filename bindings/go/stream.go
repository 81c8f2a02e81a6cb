package llm

import (
	"context"
	"sync"
	"sync/atomic"
)

// Stream is one request's answer as it comes. Made by Client.NewStream; Client.Stream is the same for a range loop.
//
//	stream := client.NewStream(ctx, request)
//	defer stream.Close()
//	for stream.Next() {
//		event := stream.Current()
//		...
//	}
//	if err := stream.Err(); err != nil { ... }
//
// Next, Current and Err belong to one goroutine at a time; Close may be called from any.
type Stream struct {
	client  *Client // not collected while this is read
	ctx     context.Context
	joins   bool
	request uint64
	bell    chan struct{} // at most one ring waits

	mu      sync.Mutex
	pending []item      // what came and was not taken
	held    int         // its bytes
	paused  bool        // the library does not read this stream's connection
	waiting bool        // Next sleeps
	ended   bool        // the last event came, or never will
	left    atomic.Bool // Close was called; written under the lock, the reader looks without it
	failed  *Error      // why there will be no last event
	forget  func() bool

	// The reader's own.
	taken   []item
	next    int
	current Event
	done    bool
	err     error
	partial []byte
}

// item is one event, in Go's memory.
type item struct {
	text            string
	own             []byte // of a joined text: where it grows
	kind            int32
	status          Status
	choice, attempt uint32
	index           uint32
	atUS            uint64
}

const (
	// What may wait here before the connection is left unread; as much may wait in the library (memory.per_stream).
	heldMax = 256 << 10
	// What an item costs beside its text.
	itemBytes = 96
)

// Next waits for the next event; false after the last one, after an error, and after Close.
func (s *Stream) Next() bool {
	for !s.done && !s.left.Load() {
		if s.next == len(s.taken) && !s.take() {
			break
		}
		item := &s.taken[s.next]
		s.next++
		if s.accept(item) {
			return true
		}
	}
	s.done = true
	s.current = nil
	return false
}

// Current is the event that Next found: TextDelta, ToolCall, Done ..
func (s *Stream) Current() Event { return s.current }

// Err is why the stream ended before its end: an *Error, or nil.
func (s *Stream) Err() error { return s.err }

// Close ends the stream: the provider's connection is closed unless the answer is over. It waits for nothing, and is harmless later.
func (s *Stream) Close() error {
	s.mu.Lock()
	over := s.ended || s.left.Load()
	s.left.Store(true)
	s.pending, s.held = nil, 0
	wake, forget := s.waiting, s.forget
	s.waiting, s.forget = false, nil
	s.mu.Unlock()
	if forget != nil {
		forget()
	}
	if !over {
		cancel(s.request)
	}
	if wake {
		s.bell <- struct{}{}
	}
	return nil
}

// take moves what came to the reader, waiting for something; false if nothing will come.
func (s *Stream) take() bool {
	for {
		s.mu.Lock()
		if len(s.pending) > 0 {
			clear(s.taken) // the texts are the caller's alone now
			s.taken, s.pending = s.pending, s.taken[:0]
			s.next, s.held = 0, 0
			if s.paused {
				// Under the lock, or the pump's next pause could overtake it.
				s.paused = false
				pause(s.request, false)
			}
			s.mu.Unlock()
			return true
		}
		if s.left.Load() || s.ended {
			if s.err == nil && s.failed != nil {
				s.err = s.failed
			}
			s.mu.Unlock()
			return false
		}
		s.waiting = true
		s.mu.Unlock()
		<-s.bell
	}
}

// push adds an event; called by the pump alone, which never waits here.
func (s *Stream) push(event *cEvent, keep func([]byte) string) {
	var forget func() bool
	kind := int32(event.kind)
	s.mu.Lock()
	if kind >= kindDone {
		s.ended, forget, s.forget = true, s.forget, nil
	}
	if !s.left.Load() {
		s.append(event, keep)
		if s.held > heldMax && !s.paused && !s.ended {
			s.paused = true
			pause(uint64(event.request), true)
		}
	}
	wake := s.waiting
	s.waiting = false
	s.mu.Unlock()
	if wake {
		s.bell <- struct{}{}
	}
	if forget != nil {
		forget()
	}
}

// append keeps an event. A delta that finds its predecessor still waiting is joined to it: a slow reader gets fewer, larger ones.
func (s *Stream) append(event *cEvent, keep func([]byte) string) {
	text := lent(event)
	s.held += len(text)
	if last := len(s.pending) - 1; last >= 0 && s.joins && s.pending[last].continues(event) {
		s.pending[last].join(text)
		return
	}
	s.held += itemBytes
	s.pending = append(s.pending, item{
		text: keep(text), kind: int32(event.kind), status: Status(event.status), choice: uint32(event.choice),
		attempt: uint32(event.attempt), index: uint32(event.index), atUS: uint64(event.at_us),
	})
}

// continues tells whether an event is more of the same.
func (i *item) continues(event *cEvent) bool {
	switch i.kind {
	case kindText, kindReasoning, kindRefusal, kindToolArgs:
		return i.kind == int32(event.kind) && i.choice == uint32(event.choice) && i.attempt == uint32(event.attempt) &&
			i.index == uint32(event.index)
	}
	return false
}

func (i *item) join(text []byte) {
	if i.own == nil {
		i.own = make([]byte, 0, 4*(len(i.text)+len(text)))
		i.own = append(i.own, i.text...)
	}
	i.own = append(i.own, text...)
	// The reader has not seen the item, so that nobody reads what grows.
	i.text = asString(i.own)
}

// end says that no event will come any more.
func (s *Stream) end(err *Error) {
	s.mu.Lock()
	s.ended, s.failed = true, err
	wake, forget := s.waiting, s.forget
	s.waiting, s.forget = false, nil
	s.mu.Unlock()
	if wake {
		s.bell <- struct{}{}
	}
	if forget != nil {
		forget()
	}
}

// accept makes an item the current event; false if it is the error that ends the stream.
func (s *Stream) accept(item *item) bool {
	switch item.kind {
	case kindError:
		failed := readError(item.status, item.text)
		if failed.PartialText == "" {
			failed.PartialText = string(s.partial)
		}
		failed.endedBy(s.ctx)
		s.err = failed
		return false
	case kindText:
		if item.choice == 0 {
			s.partial = append(s.partial, item.text...)
		}
	}
	s.current = decode(item)
	switch event := s.current.(type) {
	case Done:
		s.done = true
	case Route:
		if event.Voids {
			s.partial = s.partial[:0]
		}
	}
	return true
}
