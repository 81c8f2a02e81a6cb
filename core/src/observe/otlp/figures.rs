//! Metrics as OTLP's JSON: those of the conventions for generative AI, and all of this library's own under its name. They are sums since
//! the process began, so that one that is lost is made good by the next.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Weak;

use libllm_proto::json::write::Object;

use super::{Outbox, attributes, names};
use crate::clock;
use crate::lock;
use crate::metrics::{self, Family, Figure, FigureKind};

/// All metrics of the process, now.
pub(super) fn told(outbox: &Outbox) -> String {
    let mut all = Vec::new();
    generative(outbox, &mut all);
    own(outbox, &mut all);
    let times = Times {
        start: names::nanos(outbox.process.born()),
        now: names::nanos(clock::wall()),
    };
    let schema = names::of(outbox.to.semconv).schema;
    let mut out = String::with_capacity(16 << 10);
    let mut root = Object::begin(&mut out);
    root.list("resourceMetrics", [()], |resource, ()| {
        resource
            .raw("resource", &outbox.resource)
            .list("scopeMetrics", [()], |scope, ()| {
                scope
                    .raw("scope", &names::scope())
                    .list("metrics", &all, |object, metric| {
                        metric.write(&times, object)
                    });
                if let Some(schema) = schema {
                    scope.text("schemaUrl", schema);
                }
            });
    });
    root.end();
    out
}

struct Times {
    start: String,
    now: String,
}

/// Names and values.
type Labels = Vec<(&'static str, Cow<'static, str>)>;

struct Metric {
    name: Cow<'static, str>,
    about: &'static str,
    unit: &'static str,
    kind: FigureKind,
    points: BTreeMap<Labels, Figure>,
}

impl Metric {
    fn new(
        name: &'static str,
        about: &'static str,
        unit: &'static str,
        kind: FigureKind,
    ) -> Metric {
        Metric {
            name: name.into(),
            about,
            unit,
            kind,
            points: BTreeMap::new(),
        }
    }

    // Two operations or rows of ours can be one in the conventions' words.
    fn add(&mut self, labels: Labels, figure: Figure) {
        if figure.is_nothing() && self.kind != FigureKind::Gauge {
            return;
        }
        match self.points.get_mut(&labels) {
            Some(there) => there.merge(&figure),
            None => {
                self.points.insert(labels, figure);
            }
        }
    }

    fn write(&self, times: &Times, object: &mut Object<'_>) {
        object
            .text("name", &self.name)
            .text("description", self.about)
            .text("unit", self.unit);
        let (kind, monotonic) = match self.kind {
            FigureKind::Counter => ("sum", true),
            FigureKind::Gauge => ("gauge", false),
            FigureKind::Histogram => ("histogram", false),
        };
        object.object(kind, |data| {
            if self.kind != FigureKind::Gauge {
                data.count("aggregationTemporality", Some(CUMULATIVE));
            }
            if monotonic {
                data.flag("isMonotonic", true);
            }
            data.list("dataPoints", &self.points, |point, (labels, figure)| {
                let list = attributes::list(|list| {
                    for (name, value) in labels {
                        list.text(name, value);
                    }
                });
                point
                    .raw("attributes", &list)
                    .text("startTimeUnixNano", &times.start)
                    .text("timeUnixNano", &times.now);
                number(figure, point);
            });
        });
    }
}

fn number(figure: &Figure, point: &mut Object<'_>) {
    match figure {
        Figure::Count(count) => {
            point.text("asInt", &count.to_string());
        }
        Figure::Level(level) => {
            point.raw("asDouble", &level.to_string());
        }
        Figure::Spread(spread) => {
            let (bounds, counts) = spread.buckets();
            let bounds: Vec<f64> = bounds.collect();
            let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
            point
                .text("count", &spread.count().to_string())
                .raw("sum", &spread.sum().to_string())
                .raw("bucketCounts", &serde_json::Value::from(counts).to_string())
                .raw(
                    "explicitBounds",
                    &serde_json::Value::from(bounds).to_string(),
                );
        }
    }
}

#[rustfmt::skip]
fn generative(outbox: &Outbox, out: &mut Vec<Metric>) {
    use FigureKind::{Counter, Histogram};
    let names = names::of(outbox.to.semconv);
    let mut duration = Metric::new(names.duration, "How long requests took, all attempts included.", "s", Histogram);
    let mut first = Metric::new(names.first_chunk, "Until the first piece of a streamed answer.", "s", Histogram);
    let mut chunk = Metric::new(names.chunk, "Between two pieces of a streamed answer.", "s", Histogram);
    let (mut tokens, mut sums) = match &names.tokens {
        names::Tokens::One(name) => (vec![Metric::new(name, "Tokens that requests and answers had.", TOKEN, Histogram)], Vec::new()),
        names::Tokens::Each { input, output, sums } => (
            vec![Metric::new(input, "Tokens that requests had.", TOKEN, Histogram), Metric::new(output, "Tokens that answers had.", TOKEN, Histogram)],
            sums.iter().map(|(kind, name)| (*kind, Metric::new(name, "Tokens that providers reported.", TOKEN, Counter))).collect(),
        ),
    };
    for series in outbox.process.counters.targets.all() {
        let base = vec![
            ("gen_ai.operation.name", names::operation(series.operation).to_owned().into()),
            ("gen_ai.provider.name", names::provider(&series.provider()).to_owned().into()),
            ("gen_ai.request.model", series.model().into()),
        ];
        let with = |name, value: &'static str| {
            let mut labels: Labels = base.clone();
            labels.push((name, value.into()));
            labels
        };
        duration.add(base.clone(), Figure::Spread(series.duration.snapshot()));
        for failure in series.failures() {
            duration.add(with("error.type", failure.kind), Figure::Spread(failure.duration.snapshot()));
        }
        first.add(base.clone(), Figure::Spread(series.first_chunk.snapshot()));
        chunk.add(base.clone(), Figure::Spread(series.gap.snapshot()));
        let sizes = [("input", series.prompt.snapshot()), ("output", series.completion.snapshot())];
        for (at, (kind, sizes)) in sizes.into_iter().enumerate() {
            match &mut tokens[..] {
                [one] => one.add(with("gen_ai.token.type", kind), Figure::Spread(sizes)),
                each => each[at].add(base.clone(), Figure::Spread(sizes)),
            }
        }
        for (kind, sum) in series.tokens() {
            if let Some((_, metric)) = sums.iter_mut().find(|(known, _)| *known == kind) {
                // Of what they are tokens no answer says for all of them.
                metric.add(with("gen_ai.token.modality", "unknown"), Figure::Count(sum));
            }
        }
    }
    let sums = sums.into_iter().map(|(_, metric)| metric);
    out.extend([duration, first, chunk].into_iter().chain(tokens).chain(sums).filter(|metric| !metric.points.is_empty()));
}

// What `llm_client_metrics` tells, with the health of the targets of all clients that tell this collector.
fn own(outbox: &Outbox, out: &mut Vec<Metric>) {
    out.extend(
        outbox
            .process
            .families()
            .into_iter()
            .map(|family| renamed(family, None)),
    );
    let rolls: Vec<_> = lock(&outbox.rolls)
        .iter()
        .filter_map(Weak::upgrade)
        .collect();
    for (number, roll) in rolls.iter().enumerate() {
        for family in metrics::health(&roll.all(), clock::now()) {
            let health = renamed(family, Some(number).filter(|_| rolls.len() > 1));
            match out.iter_mut().find(|known| known.name == health.name) {
                Some(known) => known.points.extend(health.points),
                None => out.push(health),
            }
        }
    }
    out.retain(|metric| !metric.points.is_empty());
}

// Units are no part of a name here, and neither is what a sum is.
fn renamed(family: Family, client: Option<usize>) -> Metric {
    let name = family.name.strip_suffix("_total").unwrap_or(family.name);
    let (name, unit) = match name.rsplit_once('_') {
        Some((name, "seconds")) => (name, "s"),
        Some((name, "bytes")) => (name, "By"),
        _ => (name, ""),
    };
    let mut metric = Metric::new("", family.help, unit, family.kind);
    metric.name = format!("libllm.{name}").into();
    for sample in family.samples {
        let mut labels: Labels = family.labels.iter().copied().zip(sample.values).collect();
        labels.extend(client.map(|client| ("client", client.to_string().into())));
        metric.add(labels, sample.figure);
    }
    metric
}

const TOKEN: &str = "{token}";
/// OTLP's number of sums since the beginning.
const CUMULATIVE: u64 = 2;
