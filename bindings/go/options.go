package llm

import (
	"encoding/json"
	"time"
)

// Option is a wish for one request. A later one wins.
type Option func(*options)

// options are llm_options: what is hot has a field, what is cold is JSON.
type options struct {
	flags               uint32
	provider            string
	operation           string
	timeoutMS           int64
	firstTokenTimeoutMS int64
	cold                map[string]any
	http                *httpRequest // the request's body goes with these words
}

func gather(wishes []Option) *options {
	made := &options{}
	for _, wish := range wishes {
		wish(made)
	}
	return made
}

func (o *options) json() (string, error) {
	if len(o.cold) == 0 {
		return "", nil
	}
	text, err := json.Marshal(o.cold)
	if err != nil {
		return "", newError(StatusInvalidArgument, "an option is not JSON: "+err.Error())
	}
	return string(text), nil
}

// limitMS is a time limit as the library takes it: 0 for its default, negative for none; what is below a millisecond is one.
func limitMS(limit time.Duration) int64 {
	switch {
	case limit < 0:
		return -1
	case limit > 0 && limit < time.Millisecond:
		return 1
	}
	return limit.Milliseconds()
}

// WithProvider asks this provider; the request's model then is its own name for it, verbatim.
func WithProvider(name string) Option { return func(o *options) { o.provider = name } }

// WithTimeout limits the whole request, retries included. 0: the client's; negative: none. A context's deadline holds beside it.
func WithTimeout(limit time.Duration) Option {
	return func(o *options) { o.timeoutMS = limitMS(limit) }
}

// WithFirstTokenTimeout limits the time until the first delta; then the next target is asked. 0: the client's; negative: none.
func WithFirstTokenTimeout(limit time.Duration) Option {
	return func(o *options) { o.firstTokenTimeoutMS = limitMS(limit) }
}

// WithIdleTimeout limits the silence between two pieces of an answer. 0: the client's; negative: none.
func WithIdleTimeout(limit time.Duration) Option {
	return WithOption("idle_timeout_ms", limitMS(limit))
}

// WithOperation asks for something else than "chat", as llm.h lists.
func WithOperation(name string) Option { return func(o *options) { o.operation = name } }

// WithRaw adds Raw events: the provider's own chunks.
func WithRaw() Option { return withFlag(flagRaw) }

// WithEveryDelta gives each delta as it came, even to a reader that lags behind.
func WithEveryDelta() Option { return withFlag(flagNoCoalesce) }

// WithoutCache neither reads nor fills the cache.
func WithoutCache() Option { return withFlag(flagNoCache) }

// Cache is how one request uses the cache (docs/cache.md). The zero value uses it with the client's times.
type Cache struct {
	// Refresh asks all the same, and keeps the answer in the place of what was there.
	Refresh bool
	// TTL is how long the answer is kept; 0: the client's.
	TTL time.Duration
	// Tags are words by which the operation "cache.invalidate" finds the answer.
	Tags []string
	// Key is a name for what is asked: requests of one name to one model are one question, whatever they say.
	Key string
	// ExactOnly takes no answer to a question that is only almost the same.
	ExactOnly bool
}

// WithCache uses the cache in this way, also if the client's configuration does not.
func WithCache(use Cache) Option {
	said := map[string]any{}
	if use.Refresh {
		said["refresh"] = true
	}
	if use.TTL != 0 {
		said["ttl"] = use.TTL.Seconds()
	}
	if len(use.Tags) > 0 {
		said["tags"] = use.Tags
	}
	if use.Key != "" {
		said["key"] = use.Key
	}
	if use.ExactOnly {
		said["semantic"] = false
	}
	return WithOption("cache", said)
}

// WithMessage makes the library keep the text and repeat it in Done.Message.
func WithMessage() Option { return withFlag(flagMessage) }

func withFlag(flag uint32) Option { return func(o *options) { o.flags |= flag } }

// WithMaxAttempts bounds the tries in all, over all targets.
func WithMaxAttempts(count int) Option { return WithOption("max_attempts", count) }

// WithFallbacks names models, or names of the configuration, to be asked after the request's own targets.
func WithFallbacks(models ...string) Option { return WithOption("fallbacks", models) }

// WithHeaders adds headers to every attempt.
func WithHeaders(headers map[string]string) Option { return WithOption("headers", headers) }

// WithBaseURL asks the first target's provider at another place, which gets neither its key nor its configured headers.
func WithBaseURL(url string) Option { return WithOption("base_url", url) }

// WithAPIKey is the key for that place, or for the first target's provider.
func WithAPIKey(key string) Option { return WithOption("api_key", key) }

// WithIdempotencyKey is sent as Idempotency-Key.
func WithIdempotencyKey(key string) Option { return WithOption("idempotency_key", key) }

// WithExtraBody is merged into the request's body last, on its way to the provider.
func WithExtraBody(fields map[string]any) Option { return WithOption("extra_body", fields) }

// WithCheckLimits holds the request against what is known of the model before it is sent.
func WithCheckLimits(on bool) Option { return WithOption("check_limits", on) }

// WithStrategy chooses among the model's targets in this way, this once, such as "latency".
func WithStrategy(word string) Option { return WithOption("strategy", word) }

// WithTags are words that rules look at.
func WithTags(words ...string) Option { return WithOption("tags", words) }

// WithSession says whose conversation it is: what should stay at one target does.
func WithSession(name string) Option { return WithOption("session", name) }

// WithTenant says on whose behalf the request is made: rules, limits and budgets look at it.
func WithTenant(name string) Option { return WithOption("tenant", name) }

// WithMetadata is more that rules look at, by name.
func WithMetadata(words map[string]string) Option { return WithOption("metadata", words) }

// WithTrace says which trace the request belongs to: the headers traceparent and tracestate (W3C Trace Context), the latter perhaps empty.
func WithTrace(parent, state string) Option {
	return func(o *options) {
		WithOption("traceparent", parent)(o)
		if state != "" {
			WithOption("tracestate", state)(o)
		}
	}
}

// WithUnsupported says what becomes of a parameter that the provider cannot take: "drop", "error" or "pass".
func WithUnsupported(how string) Option { return WithOption("unsupported", how) }

// WithOnPartial says what becomes of an answer that is cut after its first item.
func WithOnPartial(how string) Option { return WithOption("on_partial", how) }

// WithOption sets any key of options_json, as docs/config.md lists them. The library refuses keys that it does not know.
func WithOption(key string, value any) Option {
	return func(o *options) {
		if o.cold == nil {
			o.cold = map[string]any{}
		}
		o.cold[key] = value
	}
}
