//! Lists of attributes, as OTLP's JSON has them.

use libllm_proto::json::write::{Object, string};

/// A list that is being written.
pub(super) struct Attributes<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> Attributes<'o> {
    /// Begins a list behind what is in `out`; its brackets are the caller's.
    pub(super) fn begin(out: &'o mut String) -> Attributes<'o> {
        Attributes { out, empty: true }
    }

    /// A text.
    pub(super) fn text(&mut self, key: &str, text: &str) -> &mut Self {
        self.one(key, |value| {
            value.text("stringValue", text);
        })
    }

    /// A text, if there is one.
    pub(super) fn maybe(&mut self, key: &str, text: Option<&str>) -> &mut Self {
        match text.filter(|text| !text.is_empty()) {
            Some(text) => self.text(key, text),
            None => self,
        }
    }

    /// A whole number, if there is one. 64 bits are a text in JSON.
    pub(super) fn count(&mut self, key: &str, count: Option<u64>) -> &mut Self {
        let Some(count) = count else { return self };
        self.one(key, |value| {
            value.text("intValue", &count.to_string());
        })
    }

    /// A number, if there is one.
    pub(super) fn number(&mut self, key: &str, number: Option<f64>) -> &mut Self {
        let Some(number) = number.filter(|number| number.is_finite()) else {
            return self;
        };
        self.one(key, |value| {
            value.raw("doubleValue", &number.to_string());
        })
    }

    /// A number of either kind as a request has it, if it has.
    pub(super) fn json_number(
        &mut self,
        key: &str,
        number: Option<&serde_json::Value>,
    ) -> &mut Self {
        match number.and_then(serde_json::Value::as_u64) {
            Some(whole) => self.count(key, Some(whole)),
            None => self.number(key, number.and_then(serde_json::Value::as_f64)),
        }
    }

    /// True, or nothing.
    pub(super) fn flag(&mut self, key: &str, flag: bool) -> &mut Self {
        if !flag {
            return self;
        }
        self.one(key, |value| {
            value.flag("boolValue", true);
        })
    }

    /// Several texts, if there are any.
    pub(super) fn texts<'t>(
        &mut self,
        key: &str,
        texts: impl IntoIterator<Item = &'t str>,
    ) -> &mut Self {
        let mut texts = texts.into_iter().peekable();
        if texts.peek().is_none() {
            return self;
        }
        self.one(key, |value| {
            value.object("arrayValue", |array| {
                array.list("values", texts, |one, text| {
                    one.text("stringValue", text);
                });
            });
        })
    }

    /// Attributes that were written before.
    pub(super) fn written(&mut self, list: &str) -> &mut Self {
        if !list.is_empty() {
            self.comma();
            self.out.push_str(list);
        }
        self
    }

    fn one(&mut self, key: &str, write: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        self.comma();
        self.out.push_str("{\"key\":");
        // The caller's own words may be in it.
        string(key, self.out);
        self.out.push_str(",\"value\":");
        let mut value = Object::begin(self.out);
        write(&mut value);
        value.end();
        self.out.push('}');
        self
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(',');
        }
    }
}

/// A whole list.
pub(super) fn list(write: impl FnOnce(&mut Attributes<'_>)) -> String {
    let mut out = String::from("[");
    write(&mut Attributes::begin(&mut out));
    out.push(']');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_types_of_otlp() {
        let list = list(|list| {
            list.text("a", "x\"y")
                .maybe("none", None)
                .count("b", Some(7))
                .number("c", Some(0.5))
                .json_number("d", Some(&serde_json::json!(1.5)))
                .flag("e", true)
                .flag("not", false)
                .texts("f", ["1", "2"])
                .texts("no", [])
                .written(r#"{"key":"g"}"#);
        });
        let told: serde_json::Value = serde_json::from_str(&list).unwrap();
        let expected = serde_json::json!([
            {"key": "a", "value": {"stringValue": "x\"y"}},
            {"key": "b", "value": {"intValue": "7"}},
            {"key": "c", "value": {"doubleValue": 0.5}},
            {"key": "d", "value": {"doubleValue": 1.5}},
            {"key": "e", "value": {"boolValue": true}},
            {"key": "f", "value": {"arrayValue": {"values": [{"stringValue": "1"}, {"stringValue": "2"}]}}},
            {"key": "g"},
        ]);
        assert_eq!(told, expected);
    }
}
