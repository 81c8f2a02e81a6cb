package llm

import "time"

// decode says what an item is. What has another shape than expected makes it Unknown, never a failure. The kinds have functions of their
// own: what they need on the stack, each of thousands of goroutines would have to grow its own for.
func decode(item *item) Event {
	switch {
	case isDelta(item.kind):
		return decodeDelta(item)
	case item.kind == kindDone:
		return decodeDone(item)
	}
	return decodeOther(item)
}

func (i *item) meta() Meta {
	return Meta{int32(i.choice), int32(i.attempt), time.Duration(i.atUS) * time.Microsecond}
}

func decodeDelta(item *item) Event {
	switch item.kind {
	case kindText:
		return TextDelta{item.text, item.meta()}
	case kindReasoning:
		return ReasoningDelta{item.text, item.meta()}
	case kindRefusal:
		return RefusalDelta{item.text, item.meta()}
	}
	return ToolArgs{int(item.index), item.text, item.meta()}
}

//go:noinline
func decodeDone(item *item) Event {
	event := &Done{Usage: told("").usage(), Cost: Cost{MicroUSD: UnknownCount}, JSON: item.text, Meta: item.meta()}
	readDone(event, told(item.text))
	return *event
}

//go:noinline
func decodeOther(item *item) Event {
	meta := item.meta()
	switch item.kind {
	case kindRaw:
		return Raw{[]byte(item.text), meta}
	case kindResult:
		return Result{[]byte(item.text), meta}
	}
	if len(item.text) > 0 && item.text[0] == '{' {
		switch item.kind {
		case kindToolCall:
			return readToolCall(told(item.text), int(item.index), meta)
		case kindPart:
			return readPart(told(item.text), meta)
		case kindRoute:
			return readRoute(told(item.text), meta)
		}
	}
	return Unknown{int(item.kind), []byte(item.text), meta}
}

func readToolCall(text told, index int, meta Meta) ToolCall {
	event := ToolCall{Index: index, Meta: meta}
	text.fields(func(key string, value told) {
		switch key {
		case "id":
			event.ID = value.text()
		case "name":
			event.Name = value.text()
		}
	})
	return event
}

func readPart(text told, meta Meta) Part {
	event := Part{Meta: meta}
	text.fields(func(key string, value told) {
		switch key {
		case "kind":
			event.Kind = value.text()
		case "provider":
			event.Provider = value.text()
		case "index":
			event.Index = value.number()
		case "data":
			event.Data = value.raw()
		}
	})
	return event
}

func readRoute(text told, meta Meta) Route {
	event := Route{Meta: meta}
	text.fields(func(key string, value told) {
		switch key {
		case "provider":
			event.Provider = value.text()
		case "model":
			event.Model = value.text()
		case "reason":
			event.Reason = value.text()
		case "voids":
			event.Voids = value.flag()
		case "tried":
			event.Tried = value.attempts()
		}
	})
	return event
}

func readDone(event *Done, text told) {
	text.fields(func(key string, value told) {
		switch key {
		case "id":
			event.ID = value.text()
		case "model":
			event.Model = value.text()
		case "provider":
			event.Provider = value.text()
		case "target":
			event.Target = value.text()
		case "finish_reason":
			event.FinishReason = value.text()
		case "finish_reason_raw":
			event.FinishReasonRaw = value.text()
		case "choices":
			value.items(func(one told) { event.Choices = append(event.Choices, readFinish(one)) })
		case "message":
			event.Message = value.raw()
		case "media_type":
			event.MediaType = value.text()
		case "incomplete":
			event.Incomplete = value.flag()
		case "usage":
			event.Usage = value.usage()
		case "cost":
			value.fields(func(key string, value told) {
				switch key {
				case "microusd":
					event.Cost.MicroUSD = value.count()
				case "source":
					event.Cost.Source = value.text()
				}
			})
		case "dropped":
			value.items(func(one told) { event.Dropped = append(event.Dropped, readDropped(one)) })
		case "request_id":
			event.RequestID = value.text()
		case "attempts":
			event.Attempts = value.attempts()
		case "timing":
			event.Timing = readTiming(value)
		case "cached":
			event.Cached = value.flag()
		}
	})
}

func readFinish(text told) (end Finish) {
	text.fields(func(key string, value told) {
		switch key {
		case "index":
			end.Index = value.number()
		case "finish_reason":
			end.FinishReason = value.text()
		case "finish_reason_raw":
			end.FinishReasonRaw = value.text()
		}
	})
	return end
}

func readDropped(text told) (dropped Dropped) {
	text.fields(func(key string, value told) {
		switch key {
		case "param":
			dropped.Param = value.text()
		case "action":
			dropped.Action = value.text()
		case "why":
			dropped.Why = value.text()
		}
	})
	return dropped
}

func readTiming(text told) (timing Timing) {
	text.fields(func(key string, value told) {
		switch key {
		case "connect_ms":
			timing.Connect = value.ms()
		case "ttft_ms":
			timing.FirstToken = value.ms()
		case "total_ms":
			timing.Total = value.ms()
		}
	})
	return timing
}

// readError reads llm_error_json(). What cannot be read leaves the status, which never needs reading.
func readError(status Status, text string) *Error {
	made := &Error{Status: status, JSON: text}
	target := ""
	told(text).fields(func(key string, value told) {
		switch key {
		case "kind":
			made.Kind = value.text()
		case "message":
			made.Message = value.text()
		case "type":
			made.Type = value.text()
		case "code":
			made.Code = value.text()
		case "param":
			made.Param = value.text()
		case "provider":
			made.Provider = value.text()
		case "target":
			target = value.text()
		case "http_status":
			made.HTTPStatus = value.number()
		case "request_id":
			made.RequestID = value.text()
		case "retry_after_ms":
			made.RetryAfter = value.ms()
		case "retryable":
			made.Retryable = value.flag()
		case "phase":
			made.Phase = value.text()
		case "attempts":
			made.Attempts = value.attempts()
		case "partial":
			made.Partial, made.PartialText = readPartial(value)
		case "body":
			made.RawBody = value.text()
		}
	})
	if made.Message == "" {
		made.Message = status.String()
	}
	made.Model = target
	if prefix := len(made.Provider) + 1; len(target) > prefix && target[:prefix] == made.Provider+"/" {
		made.Model = target[prefix:]
	}
	return made
}

func readPartial(text told) (partial *Partial, said string) {
	if text.raw() == nil {
		return nil, ""
	}
	partial = &Partial{Usage: told("").usage()}
	text.fields(func(key string, value told) {
		switch key {
		case "id":
			partial.ID = value.text()
		case "model":
			partial.Model = value.text()
		case "finish_reason":
			partial.FinishReason = value.text()
		case "usage":
			partial.Usage = value.usage()
		case "text":
			said = value.text()
		}
	})
	return partial, said
}
