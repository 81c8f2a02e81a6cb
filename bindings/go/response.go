package llm

import (
	"cmp"
	"encoding/json"
	"iter"
	"slices"
)

// Response is a whole answer.
type Response struct {
	Done              // usage, cost, provider, attempts ..
	Answers  []Answer // n of them, most often one; by Index, which has gaps where racers failed
	Parts    []Part   // what is no text, in order
	Contents []byte   // of an operation that does not stream: JSON or bytes
}

// Answer is what one choice said.
type Answer struct {
	Index        int // which of n
	Text         string
	Reasoning    string
	Refusal      string
	ToolCalls    []FunctionCall
	FinishReason string
}

// Text is what the first choice said: the one of the lowest number.
func (r *Response) Text() string { return r.first().Text }

// ToolCalls is what the first choice wants called.
func (r *Response) ToolCalls() []FunctionCall { return r.first().ToolCalls }

func (r *Response) first() Answer {
	if len(r.Answers) == 0 {
		return Answer{}
	}
	return r.Answers[0]
}

// Turn is the message to append to the conversation: text, tool calls, signed reasoning.
func (r *Response) Turn() Message {
	var said map[string]json.RawMessage
	if json.Unmarshal(r.Message, &said) != nil {
		return Message{Role: "assistant", Text: r.Text(), ToolCalls: r.ToolCalls()}
	}
	// A stream does not repeat its text at the end.
	if text := r.Text(); text != "" && (said["content"] == nil || string(said["content"]) == "null") {
		said["content"], _ = json.Marshal(text)
		if whole, err := json.Marshal(said); err == nil {
			return RawMessage(whole)
		}
	}
	return RawMessage(r.Message)
}

// Final reads the stream to its end and gives the whole of what it reads: everything, if nothing was read before.
func (s *Stream) Final() (*Response, error) {
	var fold fold
	for s.Next() {
		fold.add(s.current)
	}
	if s.err != nil {
		return nil, s.err
	}
	if !fold.done {
		return nil, newError(StatusClosed, "the stream was closed, or read to its end already")
	}
	return fold.response(), nil
}

// Texts is the text of choice 0 alone: of several answers (n, or a race all of whose answers count) the others do not come between.
func Texts(events iter.Seq2[Event, error]) iter.Seq2[string, error] { return TextsOf(events, 0) }

// TextsOf is the text of one choice alone.
func TextsOf(events iter.Seq2[Event, error], choice int32) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for event, err := range events {
			switch delta, ok := event.(TextDelta); {
			case err != nil:
				yield("", err)
				return
			case ok && delta.Choice == choice:
				if !yield(delta.Text, nil) {
					return
				}
			}
		}
	}
}

// fold makes a Response of events.
type fold struct {
	choices []choice
	parts   []Part
	result  []byte
	last    Done
	done    bool
}

// choice collects pieces; joined once, at the end.
type choice struct {
	index                    int32
	text, reasoning, refusal []byte
	calls                    []call
}

type call struct {
	index     int
	id, name  string
	arguments []byte
}

func (f *fold) add(event Event) {
	switch event := event.(type) {
	case TextDelta:
		c := f.of(event.Choice)
		c.text = append(c.text, event.Text...)
	case ReasoningDelta:
		c := f.of(event.Choice)
		c.reasoning = append(c.reasoning, event.Text...)
	case RefusalDelta:
		c := f.of(event.Choice)
		c.refusal = append(c.refusal, event.Text...)
	case ToolCall:
		c := f.of(event.Choice).call(event.Index)
		c.id, c.name = event.ID, event.Name
	case ToolArgs:
		c := f.of(event.Choice).call(event.Index)
		c.arguments = append(c.arguments, event.JSON...)
	case Part:
		f.parts = append(f.parts, event)
	case Result:
		f.result = append(f.result, event.Data...)
	case Route:
		if event.Voids {
			*f = fold{}
		}
	case Done:
		f.last, f.done = event, true
	}
}

// of finds a choice by its number, which a provider may have said: nothing is as large as that.
func (f *fold) of(index int32) *choice {
	at, found := slices.BinarySearchFunc(f.choices, index, func(c choice, index int32) int { return cmp.Compare(c.index, index) })
	if !found {
		f.choices = slices.Insert(f.choices, at, choice{index: index})
	}
	return &f.choices[at]
}

func (c *choice) call(index int) *call {
	at, found := slices.BinarySearchFunc(c.calls, index, func(c call, index int) int { return cmp.Compare(c.index, index) })
	if !found {
		c.calls = slices.Insert(c.calls, at, call{index: index})
	}
	return &c.calls[at]
}

func (f *fold) response() *Response {
	// One that said nothing is an answer as well.
	for _, end := range f.last.Choices {
		f.of(int32(end.Index))
	}
	r := &Response{Done: f.last, Parts: f.parts, Contents: f.result}
	for _, c := range f.choices {
		answer := Answer{Index: int(c.index), Text: asString(c.text), Reasoning: asString(c.reasoning), Refusal: asString(c.refusal)}
		for _, call := range c.calls {
			answer.ToolCalls = append(answer.ToolCalls, FunctionCall{call.id, call.name, asString(call.arguments)})
		}
		answer.FinishReason = f.last.FinishReason
		if at := slices.IndexFunc(f.last.Choices, func(end Finish) bool { return end.Index == answer.Index }); at >= 0 {
			answer.FinishReason = f.last.Choices[at].FinishReason
		}
		r.Answers = append(r.Answers, answer)
	}
	return r
}
