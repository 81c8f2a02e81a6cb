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
	Index int // number of the call within the choice
	ID    string
	Name  string
	Meta
}

// ToolArgs is a piece of the arguments of call number Index: JSON text, whole once all pieces are joined.
type ToolArgs struct {
	Index int
	JSON  string
	Meta
}

// Part is what must survive byte for byte but is no text: a signature, redacted reasoning, a citation, an image ..
type Part struct {
	Kind     string
	Provider string
	Index    int
	Data     json.RawMessage
	Meta
}

// Route tells which target is being asked, and why: "first", "retry" or "fallback".
type Route struct {
	Provider string
	Model    string
	Reason   string
	Voids    bool // what came before counts no more
	Tried    []Attempt
	Meta
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
	ID              string
	Model           string // as the provider calls it
	Provider        string
	Target          string // provider/model, as asked
	FinishReason    string
	FinishReasonRaw string          // the provider's own word
	Choices         []Finish        // of each answer, where there are others than number 0
	Message         json.RawMessage // the turn to append; with its text only after WithMessage
	MediaType       string          // what Result is, if it is no JSON: "audio/mpeg"
	Incomplete      bool
	Usage           Usage
	Cost            Cost
	Dropped         []Dropped
	RequestID       string
	Attempts        []Attempt
	Timing          Timing
	Cached          bool
	JSON            string // everything, as the library said it
	Meta
}

// Finish is how one of several answers ended.
type Finish struct {
	Index           int
	FinishReason    string
	FinishReasonRaw string
}

// Usage is tokens as the provider counted them; Unknown where it did not.
type Usage struct {
	PromptTokens     int64 // cached ones included
	CompletionTokens int64
	TotalTokens      int64
	CachedTokens     int64
	CacheWriteTokens int64
	ReasoningTokens  int64
	Source           string // reported or unknown
	Raw              json.RawMessage
}

// UnknownCount stands for a number that the provider did not tell, which is not 0.
const UnknownCount = -1

// Cost is what the answer cost, in millionths of a US dollar, or UnknownCount; Source says who said so.
type Cost struct {
	MicroUSD int64
	Source   string
}

// Dropped is a parameter that the provider cannot take, and what was done about it.
type Dropped struct {
	Param  string
	Action string
	Why    string
}

// Timing is how long the last attempt took, and the whole request; 0 where it does not apply.
type Timing struct {
	Connect, FirstToken, Total time.Duration
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
