package llm

import "unsafe"

// chunks copies the text of events out of the library's memory: many small ones share an allocation.
//
// A string keeps its whole chunk alive. Who stores single deltas for long and cares stores strings.Clone of them.
type chunks struct {
	room []byte
}

const (
	chunkBytes = 4 << 10 // what one kept delta may hold on to
	sharedMax  = 512     // what is longer has an allocation of its own
)

// keep copies `lent`. Bytes that were handed out are never written again.
func (c *chunks) keep(lent []byte) string {
	if len(lent) > sharedMax {
		return string(lent)
	}
	if cap(c.room)-len(c.room) < len(lent) {
		c.room = make([]byte, 0, chunkBytes)
	}
	start := len(c.room)
	c.room = append(c.room, lent...)
	return asString(c.room[start:])
}

// asString is the same bytes as a string; nobody may write them any more.
func asString(text []byte) string { return unsafe.String(unsafe.SliceData(text), len(text)) }
