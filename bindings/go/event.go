package llm

import (
	"encoding/json"
	"time"
)

// Event is one thing that the model or the library said: TextDelta, ReasoningDelta, RefusalDelta, ToolCall, ToolArgs, Part, Route,
// Raw, Result, Done, or Unknown from a newer library. The set is closed: switch over its types, ignore what you do not need.
type Event interface{ event() }

// Meta is where and when an event belongs.
type Meta struct {
	Choice  int32         // which of n answers
	Attempt int32         // 1 for the first target tried
	At      time.Duration // from the request to the arrival of its (first) bytes
}

// TextDelta is a piece of the answer, never cut inside a character.
type TextDelta struct {
	Text string
	Meta
}

// ReasoningDelta is a piece of the model's reasoning.
type ReasoningDelta struct {
	Text string
	Meta
}

// RefusalDelta is a piece of a refusal, which is no answer.
type RefusalDelta struct {
	Text string
	Meta
}

// ToolCall begins a call of a function.
type ToolCall struct {
	Index int    `json:"-"` // number of the call within the choice
	ID    string `json:"id"`
	Name  string `json:"name"`
	Meta  `json:"-"`
}

// ToolArgs is a piece of the arguments of call number Index: JSON text, whole once all pieces are joined.
type ToolArgs struct {
	Index int
	JSON  string
	Meta
}

// Part is what must survive byte for byte but is no text: a signature, redacted reasoning, a citation, an image ..
type Part struct {
	Kind     string          `json:"kind"`
	Provider string          `json:"provider"`
	Index    int             `json:"index"`
	Data     json.RawMessage `json:"data"`
	Meta     `json:"-"`
}

// Route tells which target is being asked, and why: "first", "retry" or "fallback".
type Route struct {
	Provider string    `json:"provider"`
	Model    string    `json:"model"`
	Reason   string    `json:"reason"`
	Voids    bool      `json:"voids"` // what came before counts no more
	Tried    []Attempt `json:"tried"`
	Meta     `json:"-"`
}

// Raw is a provider's own chunk, unparsed; only with WithRaw.
type Raw struct {
	Data []byte
	Meta
}

// Result is the whole answer of an operation that does not stream: JSON or bytes.
type Result struct {
	Data []byte
	Meta
}

// Unknown is an event of a newer library than this package.
type Unknown struct {
	Type int
	Data []byte
	Meta
}

// Done ends a whole answer, and is its last event.
type Done struct {
	ID              string          `json:"id"`
	Model           string          `json:"model"` // as the provider calls it
	Provider        string          `json:"provider"`
	Target          string          `json:"target"` // provider/model, as asked
	FinishReason    string          `json:"finish_reason"`
	FinishReasonRaw string          `json:"finish_reason_raw"` // the provider's own word
	Choices         []Finish        `json:"choices"`           // of n > 1 answers
	Message         json.RawMessage `json:"message"`           // the turn to append; with its text only after WithMessage
	Incomplete      bool            `json:"incomplete"`
	Usage           Usage           `json:"usage"`
	Cost            Cost            `json:"cost"`
	Dropped         []Dropped       `json:"dropped"`
	RequestID       string          `json:"request_id"`
	Attempts        []Attempt       `json:"attempts"`
	Timing          Timing          `json:"timing"`
	Cached          bool            `json:"cached"`
	JSON            string          `json:"-"` // everything, as the library said it
	Meta            `json:"-"`
}

// Finish is how one of several answers ended.
type Finish struct {
	Index           int    `json:"index"`
	FinishReason    string `json:"finish_reason"`
	FinishReasonRaw string `json:"finish_reason_raw"`
}

// Usage is tokens as the provider counted them; Unknown where it did not.
type Usage struct {
	PromptTokens     int64           `json:"prompt_tokens"` // cached ones included
	CompletionTokens int64           `json:"completion_tokens"`
	TotalTokens      int64           `json:"total_tokens"`
	CachedTokens     int64           `json:"cached_tokens"`
	CacheWriteTokens int64           `json:"cache_write_tokens"`
	ReasoningTokens  int64           `json:"reasoning_tokens"`
	Source           string          `json:"source"` // reported or unknown
	Raw              json.RawMessage `json:"raw"`
}

// UnknownCount stands for a number that the provider did not tell, which is not 0.
const UnknownCount = -1

// UnmarshalJSON reads usage; null and absent are unknown.
func (u *Usage) UnmarshalJSON(text []byte) error {
	type plain Usage
	told := plain{UnknownCount, UnknownCount, UnknownCount, UnknownCount, UnknownCount, UnknownCount, "", nil}
	err := json.Unmarshal(text, &told)
	*u = Usage(told)
	return err
}

// Cost is what the answer cost, in millionths of a US dollar, or UnknownCount; Source says who said so.
type Cost struct {
	MicroUSD int64  `json:"microusd"`
	Source   string `json:"source"`
}

// UnmarshalJSON reads a cost; null and absent are unknown.
func (c *Cost) UnmarshalJSON(text []byte) error {
	type plain Cost
	told := plain{MicroUSD: UnknownCount}
	err := json.Unmarshal(text, &told)
	*c = Cost(told)
	return err
}

// Dropped is a parameter that the provider cannot take, and what was done about it.
type Dropped struct {
	Param  string `json:"param"`
	Action string `json:"action"`
	Why    string `json:"why"`
}

// Timing is how long the last attempt took, and the whole request; 0 where it does not apply.
type Timing struct {
	Connect, FirstToken, Total time.Duration
}

// UnmarshalJSON reads milliseconds.
func (t *Timing) UnmarshalJSON(text []byte) error {
	var told struct {
		Connect float64 `json:"connect_ms"`
		First   float64 `json:"ttft_ms"`
		Total   float64 `json:"total_ms"`
	}
	err := json.Unmarshal(text, &told)
	*t = Timing{milliseconds(told.Connect), milliseconds(told.First), milliseconds(told.Total)}
	return err
}

func (TextDelta) event()      {}
func (ReasoningDelta) event() {}
func (RefusalDelta) event()   {}
func (ToolCall) event()       {}
func (ToolArgs) event()       {}
func (Part) event()           {}
func (Route) event()          {}
func (Raw) event()            {}
func (Result) event()         {}
func (Unknown) event()        {}
func (Done) event()           {}

// decode says what an item is. JSON that does not fit makes it Unknown, never a failure.
func decode(item *item) Event {
	meta := Meta{int32(item.choice), int32(item.attempt), time.Duration(item.atUS) * time.Microsecond}
	switch item.kind {
	case kindText:
		return TextDelta{item.text, meta}
	case kindReasoning:
		return ReasoningDelta{item.text, meta}
	case kindRefusal:
		return RefusalDelta{item.text, meta}
	case kindToolArgs:
		return ToolArgs{int(item.index), item.text, meta}
	case kindRaw:
		return Raw{[]byte(item.text), meta}
	case kindResult:
		return Result{[]byte(item.text), meta}
	case kindToolCall:
		event := ToolCall{Index: int(item.index), Meta: meta}
		if json.Unmarshal([]byte(item.text), &event) == nil {
			return event
		}
	case kindPart:
		event := Part{Meta: meta}
		if json.Unmarshal([]byte(item.text), &event) == nil {
			return event
		}
	case kindRoute:
		event := Route{Meta: meta}
		if json.Unmarshal([]byte(item.text), &event) == nil {
			return event
		}
	case kindDone:
		event := Done{JSON: item.text, Meta: meta}
		// A field of another type than expected leaves the rest read.
		_ = json.Unmarshal([]byte(item.text), &event)
		return event
	}
	return Unknown{int(item.kind), []byte(item.text), meta}
}
