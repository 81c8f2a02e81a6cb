package llm

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// compare reads with both readers; ours has to find what encoding/json finds, in the library's compact form.
func compare(t *testing.T, text string) {
	t.Helper()
	var known any
	if json.Unmarshal([]byte(text), &known) != nil {
		return
	}
	compact, err := json.Marshal(known)
	if err != nil {
		t.Fatal(err)
	}
	if found := read(told(compact)); !reflect.DeepEqual(found, known) {
		t.Errorf("%s was read as %v", compact, found)
	}
}

func read(value told) any {
	switch {
	case value == "null":
		return nil
	case value[0] == '{':
		object := map[string]any{}
		value.fields(func(key string, value told) { object[told(`"`+key+`"`).text()] = read(value) })
		return object
	case value[0] == '[':
		list := []any{}
		value.items(func(value told) { list = append(list, read(value)) })
		return list
	case value[0] == '"':
		return value.text()
	case value == "true" || value == "false":
		return value.flag()
	}
	var number any
	_ = json.Unmarshal([]byte(value), &number)
	return number
}

func FuzzJSON(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, `{"a":1}`, `{"a":{"b":[1,2,{"c":"}"}]},"d":"\"]\\"}`, `["a\u00e9\n",[],{},[[]],null,true,-1.5e3]`, `{"":"","a,b":":"}`,
		`{"usage":{"raw":{"x":[{"y":1}]},"prompt_tokens":3},"attempts":[{"ms":0.5},{"ms":2}]}`, `"x"`, `17`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		compare(t, text)
		// What is no JSON is survived, however it is cut.
		readError(StatusInternal, text)
		readDone(&Done{}, told(text))
		told(text).attempts()
		readPartial(told(text))
	})
}

func TestAnEventCutAnywhereIsSurvived(t *testing.T) {
	whole := `{"id":"i","finish_reason":"stop","choices":[{"index":0}],"message":{"role":"assistant"},"usage":{"prompt_tokens":1,"raw":{"a":[1]}},` +
		`"cost":{"microusd":5,"source":"provider"},"dropped":[{"param":"seed","action":"drop","why":"not \"taken\""}],"attempts":[{"ms":1.5}],` +
		`"timing":{"ttft_ms":2.5},"cached":true}`
	for cut := range len(whole) {
		readDone(&Done{}, told(whole[:cut]))
		readError(StatusInternal, whole[cut:])
	}
	var done Done
	readDone(&done, told(whole))
	if done.ID != "i" || done.Cost.MicroUSD != 5 || done.Dropped[0].Why != `not "taken"` || done.Attempts[0].Took.Microseconds() != 1500 ||
		!done.Cached || done.Usage.PromptTokens != 1 || done.Usage.TotalTokens != UnknownCount || string(done.Usage.Raw) != `{"a":[1]}` ||
		done.Timing.FirstToken.Microseconds() != 2500 || len(done.Choices) != 1 || !strings.Contains(string(done.Message), "assistant") {
		t.Errorf("%+v", done)
	}
}
