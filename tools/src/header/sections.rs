//! The order in which the header presents its functions. cbindgen follows files and rustfmt sorts `mod` lines, so neither can say it.

use super::tidy::Function;

/// Functions in reading order, and what this table names but the source lacks.
pub(crate) struct Ordered {
    pub(crate) blocks: Vec<String>,
    pub(crate) missing: Vec<&'static str>,
}

/// Sorts functions into their sections; a function without a place is an error, so that nobody exports one by accident.
pub(crate) fn order(mut functions: Vec<Function>) -> Result<Ordered, String> {
    let mut ordered = Ordered {
        blocks: Vec::new(),
        missing: Vec::new(),
    };
    for (title, names) in SECTIONS {
        ordered.blocks.push(heading(title));
        for name in *names {
            match functions.iter().position(|function| function.name == *name) {
                Some(at) => ordered.blocks.push(functions.remove(at).text),
                None => ordered.missing.push(name),
            }
        }
    }
    match functions.first() {
        None => Ok(ordered),
        Some(stray) => Err(format!(
            "{}: not in the table of tools/src/header/sections.rs; give it a place there, or `exclude` it in cbindgen.toml",
            stray.name
        )),
    }
}

fn heading(title: &str) -> String {
    let start = format!("/* ---- {title} ");
    format!(
        "{start}{} */",
        "-".repeat(WIDTH.saturating_sub(start.len() + 3))
    )
}

const WIDTH: usize = 120;

const SECTIONS: &[(&str, &[&str])] = &[
    ("1. One call", &["llm_invoke"]),
    (
        "2. Client and blocking calls",
        &[
            "llm_client_new",
            "llm_client_reload",
            "llm_client_drain",
            "llm_client_free",
            "llm_complete",
            "llm_stream",
            "llm_response_text",
            "llm_response_json",
            "llm_response_free",
        ],
    ),
    (
        "3. Completion queue: any number of streams, one consumer, no thread per stream",
        &[
            "llm_queue_new",
            "llm_submit",
            "llm_submit_http",
            "llm_queue_poll",
            "llm_queue_fd",
            "llm_queue_set_wake",
            "llm_queue_wakeup",
            "llm_queue_close",
            "llm_queue_free",
            "llm_cancel",
            "llm_pause",
            "llm_answer",
        ],
    ),
    (
        "4. Errors, metrics, logs, version",
        &[
            "llm_status_name",
            "llm_error_status",
            "llm_error_message",
            "llm_error_json",
            "llm_error_http_status",
            "llm_error_retry_after_ms",
            "llm_error_free",
            "llm_error_from_event",
            "llm_client_metrics",
            "llm_string_free",
            "llm_log_set",
            "llm_log_to_queue",
            "llm_shutdown",
            "llm_version_number",
            "llm_version",
            "llm_abi_version",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str) -> Function {
        Function {
            name: name.into(),
            text: format!("void {name}(void);"),
        }
    }

    #[test]
    fn orders_functions_whatever_the_source_says() {
        let ordered = order(vec![function("llm_version"), function("llm_invoke")]).unwrap();
        let text = ordered.blocks.join("\n");
        assert!(text.find("llm_invoke") < text.find("llm_version"));
        assert!(ordered.missing.contains(&"llm_submit"));
    }

    #[test]
    fn a_function_without_a_place_is_an_error() {
        assert!(
            order(vec![function("llm_stray")])
                .err()
                .unwrap()
                .contains("llm_stray")
        );
    }

    #[test]
    fn the_header_stays_under_forty_five_functions() {
        assert!(SECTIONS.iter().map(|(_, names)| names.len()).sum::<usize>() < 45);
    }
}
