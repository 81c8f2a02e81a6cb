package llm

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// told is a JSON value as the library writes it: compact, valid, read where it lies. A terminal event is a kilobyte of it for each
// request, which encoding/json reads in as long as everything else here takes. What does not have the shape that is asked for reads
// as nothing, never as a failure: a newer library may say more.
type told string

// fields calls `take` with each member of an object.
func (t told) fields(take func(key string, value told)) {
	t.walk('{', func(rest told) (told, bool) {
		end := rest.end()
		if end < 2 || rest[0] != '"' || end >= len(rest) || rest[end] != ':' {
			return "", false
		}
		key, rest := rest[1:end-1], rest[end+1:]
		end = rest.end()
		take(string(key), rest[:end])
		return rest[end:], end > 0
	})
}

// items calls `take` with each item of a list.
func (t told) items(take func(value told)) {
	t.walk('[', func(rest told) (told, bool) {
		end := rest.end()
		take(rest[:end])
		return rest[end:], end > 0
	})
}

// walk calls `one` at each member until it takes nothing.
func (t told) walk(open byte, one func(rest told) (told, bool)) {
	if len(t) < 2 || t[0] != open || t[1] == open+2 { // in ASCII the closing bracket is the second after the opening one
		return
	}
	for rest, more := t[1:], true; more && len(rest) > 0; {
		if rest, more = one(rest); len(rest) == 0 || rest[0] != ',' {
			return
		}
		rest = rest[1:]
	}
}

// end is where the value at the beginning ends.
func (t told) end() int {
	depth := 0
	for at := 0; at < len(t); at++ {
		switch t[at] {
		case '"':
			for at++; at < len(t) && t[at] != '"'; at++ {
				if t[at] == '\\' {
					at++
				}
			}
			if depth == 0 {
				return min(at+1, len(t))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth <= 0 {
				return at + 1 + depth // the enclosing value's own end is not ours
			}
		case ',', ':':
			if depth == 0 {
				return at
			}
		}
	}
	return len(t)
}

// text is a string's; empty for anything else.
func (t told) text() string {
	if len(t) < 2 || t[0] != '"' || t[len(t)-1] != '"' {
		return ""
	}
	if inner := string(t[1 : len(t)-1]); strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	var text string
	_ = json.Unmarshal([]byte(t), &text)
	return text
}

// count is a whole number's; UnknownCount for anything else.
func (t told) count() int64 {
	if number, err := strconv.ParseInt(string(t), 10, 64); err == nil {
		return number
	}
	return UnknownCount
}

// number is a small whole number's; 0 for anything else.
func (t told) number() int { return int(max(t.count(), 0)) }

// flag is whether it says true.
func (t told) flag() bool { return t == "true" }

// ms is a number of milliseconds; 0 for anything else.
func (t told) ms() time.Duration {
	number, _ := strconv.ParseFloat(string(t), 64)
	return time.Duration(number * float64(time.Millisecond))
}

// raw is the value itself; nil for null.
func (t told) raw() json.RawMessage {
	if t == "null" || t == "" {
		return nil
	}
	return json.RawMessage(t)
}

func (t told) attempts() (attempts []Attempt) {
	t.items(func(one told) {
		var attempt Attempt
		one.fields(func(key string, value told) {
			switch key {
			case "provider":
				attempt.Provider = value.text()
			case "model":
				attempt.Model = value.text()
			case "status":
				attempt.Status = value.text()
			case "kind":
				attempt.Kind = value.text()
			case "http_status":
				attempt.HTTPStatus = value.number()
			case "ms":
				attempt.Took = value.ms()
			case "message":
				attempt.Message = value.text()
			}
		})
		attempts = append(attempts, attempt)
	})
	return attempts
}

func (t told) usage() Usage {
	usage := Usage{UnknownCount, UnknownCount, UnknownCount, UnknownCount, UnknownCount, UnknownCount, "", nil}
	t.fields(func(key string, value told) {
		switch key {
		case "prompt_tokens":
			usage.PromptTokens = value.count()
		case "completion_tokens":
			usage.CompletionTokens = value.count()
		case "total_tokens":
			usage.TotalTokens = value.count()
		case "cached_tokens":
			usage.CachedTokens = value.count()
		case "cache_write_tokens":
			usage.CacheWriteTokens = value.count()
		case "reasoning_tokens":
			usage.ReasoningTokens = value.count()
		case "source":
			usage.Source = value.text()
		case "raw":
			usage.Raw = value.raw()
		}
	})
	return usage
}
