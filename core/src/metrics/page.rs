//! A snapshot of numbers, and its two texts: JSON, and the exposition format of Prometheus (version 0.0.4).

use std::borrow::Cow;
use std::fmt::Write;

use serde_json::{Map, Value as Json, json};

use super::spread::Snapshot;

/// What a family's numbers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How often which size came.
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// Numbers of one name.
#[derive(Debug)]
pub(crate) struct Family {
    /// Without the prefix of Prometheus.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) kind: Kind,
    /// What tells its numbers apart.
    pub(crate) labels: &'static [&'static str],
    pub(crate) samples: Vec<Sample>,
}

/// One number, or one distribution.
#[derive(Debug)]
pub(crate) struct Sample {
    /// As many as the family has labels.
    pub(crate) values: Vec<Cow<'static, str>>,
    pub(crate) figure: Figure,
}

/// What was measured.
#[derive(Clone, Debug)]
pub(crate) enum Figure {
    Count(u64),
    Level(f64),
    Spread(Snapshot),
}

#[cfg(feature = "otlp")]
impl Figure {
    /// Nothing was counted.
    pub(crate) fn is_nothing(&self) -> bool {
        match self {
            Figure::Count(count) => *count == 0,
            Figure::Level(_) => false,
            Figure::Spread(spread) => spread.count() == 0,
        }
    }

    /// Adds another of the same kind; a level is what it was last.
    pub(crate) fn merge(&mut self, other: &Figure) {
        match (self, other) {
            (Figure::Count(count), Figure::Count(more)) => *count += more,
            (Figure::Spread(spread), Figure::Spread(more)) => spread.merge(more),
            (level, other) => *level = other.clone(),
        }
    }
}

impl Family {
    /// A counter without numbers yet.
    pub(crate) fn counter(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Family {
        Family::new(name, help, labels, Kind::Counter)
    }

    /// A gauge without numbers yet.
    pub(crate) fn gauge(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Family {
        Family::new(name, help, labels, Kind::Gauge)
    }

    /// A histogram without numbers yet.
    pub(crate) fn histogram(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
    ) -> Family {
        Family::new(name, help, labels, Kind::Histogram)
    }

    fn new(
        name: &'static str,
        help: &'static str,
        labels: &'static [&'static str],
        kind: Kind,
    ) -> Family {
        Family {
            name,
            help,
            kind,
            labels,
            samples: Vec::new(),
        }
    }

    /// Adds a number.
    pub(crate) fn push(
        &mut self,
        values: impl IntoIterator<Item = impl Into<Cow<'static, str>>>,
        figure: Figure,
    ) {
        let values: Vec<_> = values.into_iter().map(Into::into).collect();
        debug_assert_eq!(values.len(), self.labels.len(), "{}", self.name);
        self.samples.push(Sample { values, figure });
    }

    /// With this number alone.
    pub(crate) fn with(mut self, figure: Figure) -> Family {
        self.push([""; 0], figure);
        self
    }
}

/// One JSON object. What has no label is a number, what has one an object by its values, what has more a list.
pub(super) fn json(families: &[Family]) -> String {
    let mut object = Map::new();
    for family in families {
        object.insert(family.name.to_owned(), json_of(family));
    }
    Json::Object(object).to_string()
}

fn json_of(family: &Family) -> Json {
    let figure = |sample: &Sample| match &sample.figure {
        Figure::Count(count) => json!(count),
        Figure::Level(level) => json!(level),
        Figure::Spread(spread) => distribution(spread),
    };
    match family.labels {
        [] => family.samples.first().map_or(json!(0), figure),
        [_] => {
            let one = |sample: &Sample| (sample.values.concat(), figure(sample));
            Json::Object(family.samples.iter().map(one).collect())
        }
        labels => {
            let one = |sample: &Sample| {
                let mut object: Map<String, Json> = labels
                    .iter()
                    .zip(&sample.values)
                    .map(|(label, value)| ((*label).to_owned(), json!(value)))
                    .collect();
                match figure(sample) {
                    Json::Object(parts) => object.extend(parts),
                    value => drop(object.insert("value".into(), value)),
                }
                Json::Object(object)
            };
            family.samples.iter().map(one).collect()
        }
    }
}

fn distribution(spread: &Snapshot) -> Json {
    let buckets: Map<String, Json> = spread
        .cumulative()
        .map(|(bound, count)| (bound_text(bound), json!(count)))
        .collect();
    json!({"count": spread.count(), "sum": spread.sum(), "buckets": buckets})
}

/// The exposition format, each name behind `libllm_`.
pub(super) fn prometheus(families: &[Family]) -> String {
    let mut text = String::new();
    for family in families {
        let (name, kind) = (family.name, family.kind.name());
        let help = family.help;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "# HELP libllm_{name} {help}\n# TYPE libllm_{name} {kind}"
        );
        for sample in &family.samples {
            let pairs = pairs(family.labels, &sample.values);
            match &sample.figure {
                Figure::Count(count) => line(&mut text, name, "", &pairs, count),
                Figure::Level(level) => line(&mut text, name, "", &pairs, level),
                Figure::Spread(spread) => lines(&mut text, name, &pairs, spread),
            }
        }
    }
    text
}

fn lines(text: &mut String, name: &str, pairs: &str, spread: &Snapshot) {
    let comma = if pairs.is_empty() { "" } else { "," };
    for (bound, count) in spread.cumulative() {
        let le = bound_text(bound);
        let pairs = format!("{pairs}{comma}le=\"{le}\"");
        line(text, name, "_bucket", &pairs, &count);
    }
    line(text, name, "_sum", pairs, &spread.sum());
    line(text, name, "_count", pairs, &spread.count());
}

fn line(text: &mut String, name: &str, suffix: &str, pairs: &str, value: &dyn std::fmt::Display) {
    let _ = match pairs {
        "" => writeln!(text, "libllm_{name}{suffix} {value}"),
        _ => writeln!(text, "libllm_{name}{suffix}{{{pairs}}} {value}"),
    };
}

fn pairs(labels: &[&str], values: &[Cow<'static, str>]) -> String {
    let mut text = String::new();
    for (label, value) in labels.iter().zip(values) {
        let comma = if text.is_empty() { "" } else { "," };
        let _ = write!(text, "{comma}{label}=\"");
        for c in value.chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                c => text.push(c),
            }
        }
        text.push('"');
    }
    text
}

fn bound_text(bound: Option<f64>) -> String {
    bound.map_or("+Inf".to_owned(), |bound| bound.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::spread::{SHORT, Spread};
    use super::*;

    fn families() -> Vec<Family> {
        let mut by_two = Family::counter("b_total", "B.", &["model", "kind"]);
        by_two.push(["a\"b\\c\nd", "x"], Figure::Count(2));
        let mut by_one = Family::gauge("c", "C.", &["status"]);
        by_one.push(["LLM_OK"], Figure::Level(0.5));
        let spread = Spread::new(SHORT);
        spread.add(20_000);
        let mut times = Family::histogram("d_seconds", "D.", &["model", "kind"]);
        times.push(["m", "x"], Figure::Spread(spread.snapshot()));
        vec![
            Family::counter("a_total", "A.", &[]).with(Figure::Count(1)),
            by_two,
            by_one,
            times,
        ]
    }

    #[test]
    fn prometheus_text_is_as_its_format_says() {
        let text = prometheus(&families());
        for line in [
            "# HELP libllm_a_total A.",
            "# TYPE libllm_a_total counter",
            "libllm_a_total 1",
            r#"libllm_b_total{model="a\"b\\c\nd",kind="x"} 2"#,
            "# TYPE libllm_c gauge",
            r#"libllm_c{status="LLM_OK"} 0.5"#,
            r#"libllm_d_seconds_bucket{model="m",kind="x",le="0.00001"} 0"#,
            r#"libllm_d_seconds_bucket{model="m",kind="x",le="0.00002"} 1"#,
            r#"libllm_d_seconds_bucket{model="m",kind="x",le="+Inf"} 1"#,
            r#"libllm_d_seconds_sum{model="m",kind="x"} 0.00002"#,
            r#"libllm_d_seconds_count{model="m",kind="x"} 1"#,
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn json_has_a_number_an_object_or_a_list() {
        let told: Json = serde_json::from_str(&json(&families())).unwrap();
        assert_eq!(told["a_total"], 1);
        assert_eq!(
            told["b_total"][0],
            json!({"model": "a\"b\\c\nd", "kind": "x", "value": 2})
        );
        assert_eq!(told["c"]["LLM_OK"], 0.5);
        let times = &told["d_seconds"][0];
        assert_eq!((&times["count"], &times["model"]), (&json!(1), &json!("m")));
        assert_eq!(times["buckets"]["0.00002"], 1);
    }
}
