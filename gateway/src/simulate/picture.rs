//! A scenario's outcomes as a picture: bars for what one number says, lines for what happened when. SVG, without scripts or fonts of
//! its own.

use std::fmt::Write;

use libllm::simulate::{Outcome, Second};

/// What is drawn second by second, and its name.
type Line = (&'static str, fn(&Second) -> f64);

/// The whole picture.
pub(super) fn draw(title: &str, outcomes: &[Outcome]) -> String {
    let bars: [(&str, Vec<f64>, &str); 4] = [
        (
            "time to first token, p99",
            each(outcomes, |it| it.first(0.99).as_secs_f64()),
            " s",
        ),
        (
            "requests without an answer",
            each(outcomes, |it| it.error_rate() * 100.0),
            " %",
        ),
        (
            "attempts beyond the first",
            each(outcomes, |it| it.extra() * 100.0),
            " %",
        ),
        (
            "US dollars per 1000 answers",
            each(outcomes, |it| it.microusd_each() / 1000.0),
            "",
        ),
    ];
    let lines: [Line; 2] = [
        ("requests without an answer, by second", |second| {
            f64::from(second.failed)
        }),
        ("attempts, by second", |second| f64::from(second.attempts)),
    ];
    let rows = outcomes.len().max(1) as f64;
    let block = 34.0 + rows * ROW;
    let height = 50.0 + 2.0 * block + 2.0 * CHART + 20.0;
    // Writing to a string cannot fail.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n<text x=\"20\" y=\"28\" font-size=\"16\">{}</text>\n",
        plain(title)
    );
    for (number, (name, values, unit)) in bars.iter().enumerate() {
        let (x, y) = (
            20.0 + (number % 2) as f64 * (WIDTH / 2.0),
            50.0 + (number / 2) as f64 * block,
        );
        bar_chart(&mut svg, x, y, name, outcomes, values, unit);
    }
    for (number, (name, of)) in lines.iter().enumerate() {
        let y = 50.0 + 2.0 * block + number as f64 * CHART;
        line_chart(&mut svg, y, name, outcomes, *of);
    }
    svg.push_str("</svg>\n");
    svg
}

fn each(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> Vec<f64> {
    outcomes.iter().map(of).collect()
}

fn bar_chart(
    svg: &mut String,
    x: f64,
    y: f64,
    name: &str,
    outcomes: &[Outcome],
    values: &[f64],
    unit: &str,
) {
    let most = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let _ = writeln!(
        svg,
        "<text x=\"{x}\" y=\"{}\" font-weight=\"bold\">{name}</text>",
        y + 12.0
    );
    for (row, (outcome, value)) in outcomes.iter().zip(values).enumerate() {
        let (top, long) = (y + 22.0 + row as f64 * ROW, value / most * BAR);
        let colour = COLOURS[row % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{}\">{}</text><rect x=\"{}\" y=\"{top}\" width=\"{long:.1}\" height=\"{}\" fill=\"{colour}\"/>\
             <text x=\"{:.1}\" y=\"{}\">{value:.2}{unit}</text>",
            top + 12.0,
            plain(&outcome.name),
            x + NAMES,
            ROW - 6.0,
            x + NAMES + long + 6.0,
            top + 12.0,
        );
    }
}

fn line_chart(svg: &mut String, y: f64, name: &str, outcomes: &[Outcome], of: fn(&Second) -> f64) {
    // As many points as there are pixels, each the mean of its seconds.
    let points = |outcome: &Outcome| -> Vec<f64> {
        let step = outcome.seconds.len().div_ceil(POINTS).max(1);
        let chunks = outcome.seconds.chunks(step);
        chunks
            .map(|chunk| chunk.iter().map(of).sum::<f64>() / chunk.len() as f64)
            .collect()
    };
    let all: Vec<Vec<f64>> = outcomes.iter().map(points).collect();
    let most = all
        .iter()
        .flatten()
        .copied()
        .fold(f64::MIN_POSITIVE, f64::max);
    let (height, wide) = (CHART - 40.0, WIDTH - 40.0);
    let _ = writeln!(
        svg,
        "<text x=\"20\" y=\"{}\" font-weight=\"bold\">{name}</text><text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most:.0}</text>\
         <path d=\"M20 {b}H{}\" stroke=\"#999\"/>",
        y + 12.0,
        WIDTH - 20.0,
        y + 12.0,
        WIDTH - 20.0,
        b = y + 18.0 + height,
    );
    for (number, points) in all.iter().enumerate() {
        let step = wide / points.len().max(2) as f64;
        let mut path = String::new();
        for (place, value) in points.iter().enumerate() {
            let (px, py) = (
                20.0 + place as f64 * step,
                y + 18.0 + height * (1.0 - value / most),
            );
            let _ = write!(
                path,
                "{}{px:.1} {py:.1}",
                if place == 0 { 'M' } else { 'L' }
            );
        }
        let colour = COLOURS[number % COLOURS.len()];
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
        );
    }
}

fn plain(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

const WIDTH: f64 = 960.0;
const ROW: f64 = 22.0;
const NAMES: f64 = 130.0;
const BAR: f64 = 220.0;
const CHART: f64 = 160.0;
const POINTS: usize = 400;
/// Told apart by people who see colours otherwise, too (Okabe and Ito, 2008).
const COLOURS: [&str; 6] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
];
