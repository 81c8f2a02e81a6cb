package llm

import "encoding/json"

// ClientOption says how a client is made. Without one its configuration is the environment.
type ClientOption func(*setup) error

// setup is what New needs.
type setup struct {
	config   string
	said     bool
	maxBytes int
	hooks    Hooks
}

func (s *setup) configure(text string) error {
	if s.said {
		return newError(StatusConfig, "more than one configuration is given")
	}
	s.config, s.said = text, true
	return nil
}

// FromEnv reads the file that LLM_CONFIG names, if it does, and the providers' own variables: OPENAI_API_KEY and the like.
func FromEnv() ClientOption { return FromText("{}") }

// FromFile reads a configuration file.
func FromFile(path string) ClientOption { return FromText("@" + path) }

// FromText reads a configuration: TOML, or JSON if it begins with '{'.
func FromText(text string) ClientOption {
	return func(s *setup) error { return s.configure(text) }
}

// FromConfig takes a configuration made in Go. What it does not say is as docs/config.md says.
func FromConfig(config Config) ClientOption {
	return func(s *setup) error {
		text, err := config.text()
		if err != nil {
			return err
		}
		return s.configure(text)
	}
}

// WithQueueBytes bounds what waits in the library for all of this client's streams. 0: memory.per_queue, 64 MiB.
func WithQueueBytes(max int) ClientOption {
	return func(s *setup) error {
		if max < 0 {
			return newError(StatusInvalidArgument, "a queue cannot hold less than nothing")
		}
		s.maxBytes = max
		return nil
	}
}

// Config is a configuration: the keys of docs/config.md. Times are seconds, sizes bytes, zero values are left to the library. What has
// no field goes into Extra.
type Config struct {
	DefaultModel string              `json:"default_model,omitempty"`
	Models       map[string]Alias    `json:"models,omitempty"`
	Providers    map[string]Provider `json:"providers,omitempty"`
	Retry        *Retry              `json:"retry,omitempty"`
	Timeouts     *Timeouts           `json:"timeouts,omitempty"`
	Params       *Params             `json:"params,omitempty"`
	Memory       *Memory             `json:"memory,omitempty"`
	Runtime      *Runtime            `json:"runtime,omitempty"`
	Extra        map[string]any      `json:"-"`
}

func (c Config) text() (string, error) {
	type plain Config
	text, err := withExtra(plain(c), c.Extra)
	if err != nil {
		return "", newError(StatusConfig, "the configuration is not JSON: "+err.Error())
	}
	// An empty text would mean the environment's.
	if string(text) == "{}" {
		return `{"models":{}}`, nil
	}
	return string(text), nil
}

// Alias is a name for targets that are asked in order, and for what is asked after them.
type Alias struct {
	Targets   []Target       `json:"targets"`
	Strategy  string         `json:"strategy,omitempty"`
	Fallbacks *Fallbacks     `json:"fallbacks,omitempty"`
	Extra     map[string]any `json:"-"`
}

// MarshalJSON writes the fields and Extra.
func (a Alias) MarshalJSON() ([]byte, error) {
	type plain Alias
	return withExtra(plain(a), a.Extra)
}

// Targets is an alias for these models, in this order.
func Targets(models ...string) Alias {
	alias := Alias{Targets: []Target{}}
	for _, model := range models {
		alias.Targets = append(alias.Targets, Target{Model: model})
	}
	return alias
}

// Target is one model of one provider, written provider/model.
type Target struct {
	Model    string         `json:"model"`
	Timeouts *Timeouts      `json:"timeouts,omitempty"`
	Extra    map[string]any `json:"-"`
}

// MarshalJSON writes the fields and Extra.
func (t Target) MarshalJSON() ([]byte, error) {
	type plain Target
	return withExtra(plain(t), t.Extra)
}

// Fallbacks is what is asked after an alias's targets.
type Fallbacks struct {
	Any []string `json:"any,omitempty"`
}

// Provider is a service: what differs from a built-in one, or a new one, which needs Wire and BaseURL. Secrets are "env:NAME",
// "file:PATH" or the value.
type Provider struct {
	Wire         string            `json:"wire,omitempty"`
	BaseURL      string            `json:"base_url,omitempty"`
	Auth         string            `json:"auth,omitempty"`
	APIKey       string            `json:"api_key,omitempty"`
	Headers      map[string]string `json:"headers,omitempty"`
	Organization string            `json:"organization,omitempty"`
	Quirks       map[string]any    `json:"quirks,omitempty"`
	TLS          *TLS              `json:"tls,omitempty"`
	IdlePool     *float64          `json:"idle_pool_s,omitempty"` // seconds; 0 keeps no connection
	Timeouts     *Timeouts         `json:"timeouts,omitempty"`
	Extra        map[string]any    `json:"-"`
}

// MarshalJSON writes the fields and Extra.
func (p Provider) MarshalJSON() ([]byte, error) {
	type plain Provider
	return withExtra(plain(p), p.Extra)
}

// TLS is how a provider's certificate is checked beyond the platform's authorities.
type TLS struct {
	CAFile     string `json:"ca_file,omitempty"`
	ServerName string `json:"server_name,omitempty"`
}

// Retry bounds how often is tried.
type Retry struct {
	MaxAttempts int    `json:"max_attempts,omitempty"`
	OnPartial   string `json:"on_partial,omitempty"`
}

// Timeouts are limits in seconds.
type Timeouts struct {
	Connect       float64 `json:"connect,omitempty"`
	FirstToken    float64 `json:"first_token,omitempty"`
	Idle          float64 `json:"idle,omitempty"`
	KeepaliveOnly float64 `json:"keepalive_only,omitempty"`
	TotalUnary    float64 `json:"total_unary,omitempty"`
	ConsumerStall float64 `json:"consumer_stall,omitempty"`
}

// Params says what becomes of a parameter that a provider cannot take: "drop", "error" or "pass".
type Params struct {
	Unsupported string `json:"unsupported,omitempty"`
}

// Memory bounds what waits for consumers, and how large an answer may be, in bytes.
type Memory struct {
	PerStream  int `json:"per_stream,omitempty"`
	PerQueue   int `json:"per_queue,omitempty"`
	PerProcess int `json:"per_process,omitempty"`
	MaxEvent   int `json:"max_event,omitempty"`
	MaxAnswer  int `json:"max_answer,omitempty"`
}

// Runtime is the engine, one for the process: the first client decides.
type Runtime struct {
	Threads int `json:"threads,omitempty"`
}

var _ json.Marshaler = Alias{}
