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
	// What a token touches comes first, in three lines of cache: of thousands of streams that say a word now and then none is in a cache,
	// and waiting for memory is most of what a word costs.
	mu      sync.Mutex
	left    atomic.Bool // Close was called; written under the lock, the reader looks without it
	waiting bool        // Next sleeps, and has read all that came
	paused  bool        // the library does not read this stream's connection
	ended   bool        // the last event came, or never will
	joins   bool
	done    bool     // the reader's own, as are current, partial, taken and err
	handed  Event    // what Next waited for, unless it lies in the backlog
	backlog *backlog // nil until something came too early
	current Event
	woken   sync.Cond // not waiting any more
	request uint64
	partial []byte
	taken   []item // of the backlog, what Next did not find yet

	err    error
	failed *Error // why there will be no last event
	forget func() bool
	ctx    context.Context
	client *Client  // not collected while this is read
	_      [24]byte // so that it begins with a line
}

// backlog is what came while nobody waited for it.
type backlog struct {
	pending []item
	held    int    // its bytes
	room    []item // where `taken` is from, and the next pending go after those of now
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
	if !s.done && !s.left.Load() {
		event, more := Event(nil), true
		if len(s.taken) == 0 {
			event, more = s.take()
		}
		if event == nil && more {
			event = s.unpack()
		}
		if event != nil {
			s.accept(event)
			return true
		}
	}
	s.done = true
	s.current = nil
	return false
}

// each is the loop of Client.Stream: a function of its own, for what a sleeping stream has to be woken with is its stack, and this frame is
// small.
func (s *Stream) each(yield func(Event, error) bool) {
	for s.Next() {
		if !yield(s.current, nil) {
			return
		}
	}
	if s.err != nil {
		yield(nil, s.err)
	}
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
	if s.backlog != nil {
		s.backlog.pending, s.backlog.held = nil, 0
	}
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
		s.woken.Signal()
	}
	return nil
}

// take gives the reader what came, waiting for something: an event, or no event and all that lies in `taken` now. False if nothing
// will come.
func (s *Stream) take() (Event, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch event := s.handed; {
		case s.left.Load():
			return nil, false
		case event != nil:
			s.handed = nil
			return event, true
		case s.backlog != nil && len(s.backlog.pending) > 0:
			s.unload()
			return nil, true
		case s.ended:
			if s.err == nil && s.failed != nil {
				s.err = s.failed
			}
			return nil, false
		}
		for s.waiting = true; s.waiting; {
			s.woken.Wait()
		}
	}
}

// unload moves the backlog to the reader; the lock is held.
func (s *Stream) unload() {
	late := s.backlog
	clear(late.room) // the texts are the caller's alone now
	s.taken, late.room, late.pending = late.pending, late.pending, late.room[:0]
	late.held = 0
	if s.paused {
		// Under the lock, or the pump's next pause could overtake it.
		s.paused = false
		pause(s.request, false)
	}
}

// push adds an event; called by the pump alone, which never waits here.
func (s *Stream) push(event *cEvent, texts *chunks) {
	kind := int32(event.kind)
	s.mu.Lock()
	if s.waiting && isDelta(kind) {
		// The reader has nothing else to read, and is ready for what it says itself: nothing is kept in between.
		s.handed = decodeDelta(&item{
			text: texts.keep(lent(event)), kind: kind, choice: uint32(event.choice),
			attempt: uint32(event.attempt), index: uint32(event.index), atUS: uint64(event.at_us),
		})
		s.waiting = false
		s.mu.Unlock()
		s.woken.Signal()
		return
	}
	s.pushLate(event, kind, texts)
}

// pushLate is push of what the reader does not wait for, and of what it has to look into; the lock is held, and given up.
func (s *Stream) pushLate(event *cEvent, kind int32, texts *chunks) {
	var forget func() bool
	if kind >= kindDone {
		s.ended, forget, s.forget = true, s.forget, nil
	}
	if !s.left.Load() {
		if s.backlog == nil {
			s.backlog = &backlog{}
		}
		s.backlog.append(event, s.joins, texts)
		if s.backlog.held > heldMax && !s.paused && !s.ended {
			s.paused = true
			pause(uint64(event.request), true)
		}
	}
	wake := s.waiting
	s.waiting = false
	s.mu.Unlock()
	if wake {
		s.woken.Signal()
	}
	if forget != nil {
		forget()
	}
}

// append keeps an event. A delta that finds its predecessor still waiting is joined to it: a slow reader gets fewer, larger ones.
func (b *backlog) append(event *cEvent, joins bool, texts *chunks) {
	text := lent(event)
	b.held += len(text)
	if last := len(b.pending) - 1; last >= 0 && joins && b.pending[last].continues(event) {
		b.pending[last].join(text)
		return
	}
	b.held += itemBytes
	b.pending = append(b.pending, item{
		text: texts.keep(text), kind: int32(event.kind), status: Status(event.status), choice: uint32(event.choice),
		attempt: uint32(event.attempt), index: uint32(event.index), atUS: uint64(event.at_us),
	})
}

// continues tells whether an event is more of the same.
func (i *item) continues(event *cEvent) bool {
	return isDelta(i.kind) && i.kind == int32(event.kind) && i.choice == uint32(event.choice) && i.attempt == uint32(event.attempt) &&
		i.index == uint32(event.index)
}

// isDelta tells whether an event is a piece of something, and no more than that.
func isDelta(kind int32) bool {
	return kind == kindText || kind == kindReasoning || kind == kindRefusal || kind == kindToolArgs
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
		s.woken.Signal()
	}
	if forget != nil {
		forget()
	}
}

// unpack takes the next item of the backlog; nil if it is the error that ends the stream.
func (s *Stream) unpack() Event {
	item := &s.taken[0]
	s.taken = s.taken[1:]
	if item.kind != kindError {
		return decode(item)
	}
	failed := readError(item.status, item.text)
	if failed.PartialText == "" {
		failed.PartialText = string(s.partial)
	}
	failed.endedBy(s.ctx)
	s.err = failed
	return nil
}

// accept makes an event the current one, on few lines of the stack that a sleeping reader has to be woken with.
func (s *Stream) accept(event Event) {
	s.current = event
	if delta, ok := event.(TextDelta); ok {
		if delta.Choice == 0 {
			s.partial = append(s.partial, delta.Text...)
		}
		return
	}
	s.acceptRare(event)
}

// acceptRare has its own, larger frame.
//
//go:noinline
func (s *Stream) acceptRare(event Event) {
	switch event := event.(type) {
	case Done:
		s.done = true
	case Route:
		if event.Voids {
			s.partial = s.partial[:0]
		}
	}
}
