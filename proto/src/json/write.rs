//! JSON text written in one go into one `String`: for what is said at each call, where a serialiser's pieces cost more than the
//! text. Printed as serde_json prints it.
//!
//! ```
//! use libllm_proto::json::write::Object;
//!
//! let mut out = String::new();
//! let mut object = Object::begin(&mut out);
//! object.text("id", "a\"b").count("tokens", Some(7)).maybe("model", None);
//! object.list("tried", ["x", "y"], |tried, name| {
//!     tried.text("name", name);
//! });
//! object.end();
//! assert_eq!(out, r#"{"id":"a\"b","tokens":7,"model":null,"tried":[{"name":"x"},{"name":"y"}]}"#);
//! ```

use super::string::special;

/// An object that is being written. Keys are the caller's own words: they need no escapes.
#[derive(Debug)]
#[must_use = "an object needs its end()"]
pub struct Object<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> Object<'o> {
    /// Begins an object behind what is in `out`.
    pub fn begin(out: &'o mut String) -> Object<'o> {
        out.push('{');
        Object { out, empty: true }
    }

    /// A text.
    pub fn text(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key);
        string(text, self.out);
        self
    }

    /// A text, or null.
    pub fn maybe(&mut self, key: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(key, text),
            None => self.raw(key, "null"),
        }
    }

    /// A whole number, or null.
    pub fn count(&mut self, key: &str, count: Option<u64>) -> &mut Self {
        self.key(key);
        match count {
            Some(count) => number(count, self.out),
            None => self.out.push_str("null"),
        }
        self
    }

    /// A number of thousandths as a number with a fraction, or null.
    pub fn thousandths(&mut self, key: &str, count: Option<u64>) -> &mut Self {
        self.key(key);
        let Some(count) = count else {
            self.out.push_str("null");
            return self;
        };
        number(count / 1000, self.out);
        let rest = (count % 1000) as u32;
        let digits = [rest / 100, rest / 10 % 10, rest % 10];
        let len = match digits {
            [_, 0, 0] => 1,
            [_, _, 0] => 2,
            _ => 3,
        };
        self.out.push('.');
        let digits = digits.iter().take(len).copied();
        self.out
            .extend(digits.filter_map(|digit| char::from_digit(digit, 10)));
        self
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &str, flag: bool) -> &mut Self {
        self.raw(key, if flag { "true" } else { "false" })
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key);
        self.out.push_str(json);
        self
    }

    /// A value that `write` appends, JSON already.
    pub fn made(&mut self, key: &str, write: impl FnOnce(&mut String)) -> &mut Self {
        self.key(key);
        write(self.out);
        self
    }

    /// An object; `write` says what is in it.
    pub fn object(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.key(key);
        let mut object = Object::begin(self.out);
        write(&mut object);
        object.end();
        self
    }

    /// An array of objects; `write` says what is in each.
    pub fn list<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Object<'_>, T),
    ) -> &mut Self {
        self.key(key);
        self.out.push('[');
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                self.out.push(',');
            }
            let mut object = Object::begin(self.out);
            write(&mut object, item);
            object.end();
        }
        self.out.push(']');
        self
    }

    /// Ends it.
    pub fn end(self) {
        self.out.push('}');
    }

    fn key(&mut self, key: &str) {
        // Each of a length that is known: no call to copy two bytes.
        match std::mem::take(&mut self.empty) {
            true => self.out.push('"'),
            false => self.out.push_str(",\""),
        }
        self.out.push_str(key);
        self.out.push_str("\":");
    }
}

/// Appends a text as a JSON string.
pub fn string(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push('"');
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = special(bytes, from);
        out.push_str(&text[from..at]);
        let Some(&byte) = bytes.get(at) else { break };
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
        from = at + 1;
    }
    out.push('"');
}

/// Appends a whole number.
pub fn number(mut number: u64, out: &mut String) {
    // As many digits as u64::MAX has.
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    for digit in &digits[at..] {
        // ASCII: the mask says so to the compiler.
        out.push(char::from(digit & 0x7f));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn strings_are_written_as_serde_json_writes_them() {
        let all: String = (0..0x300).filter_map(char::from_u32).collect();
        for text in ["", "plain", "a\"b\\c/d", "→\u{1f600}\u{7f}", &all] {
            let mut out = String::new();
            string(text, &mut out);
            assert_eq!(out, Value::from(text).to_string());
        }
    }

    #[test]
    fn numbers_are_written_as_serde_json_writes_them() {
        for count in [0, 7, 10, 99, 100, 1010, 12_345_678, 1 << 53, u64::MAX] {
            let mut out = String::new();
            number(count, &mut out);
            assert_eq!(out, count.to_string());
        }
        for thousandths in [0, 1, 10, 100, 999, 1000, 1010, 1234, 26_400, 86_400_000_001] {
            let mut out = String::new();
            let mut object = Object::begin(&mut out);
            object.thousandths("ms", Some(thousandths));
            object.end();
            let real = Value::from(thousandths as f64 / 1e3);
            assert_eq!(out, format!("{{\"ms\":{real}}}"));
        }
    }

    #[test]
    fn what_is_empty_is_written_too() {
        let mut out = String::new();
        let mut object = Object::begin(&mut out);
        object.object("a", |_| ()).list("b", [(); 0], |_, ()| ());
        object.count("c", None).thousandths("d", None);
        object.end();
        assert_eq!(out, r#"{"a":{},"b":[],"c":null,"d":null}"#);
    }
}
