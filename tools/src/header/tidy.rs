//! From cbindgen's text to the header that people read: short comments on one line, one form of enum, functions as blocks.

/// One declaration with its comment.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A generated header taken apart: all before `extern "C"`, and the functions inside it.
pub(crate) struct Parts {
    pub(crate) types: String,
    pub(crate) functions: Vec<Function>,
}

impl Parts {
    /// Splits cbindgen's output, or a header made from it.
    pub(crate) fn of(header: &str) -> Result<Parts, String> {
        let start = header
            .find(OPEN)
            .ok_or("no extern \"C\" in the generated header")?;
        let end = header
            .rfind(CLOSE)
            .filter(|end| *end > start)
            .ok_or("extern \"C\" never ends")?;
        let inside = &header[start..end];
        let inside = &inside[inside.find("#endif").unwrap_or(0)..];
        let inside = inside.split_once('\n').map_or("", |(_, rest)| rest);
        let mut functions = Vec::new();
        for block in inside
            .split("\n\n")
            .map(str::trim)
            .filter(|block| !block.is_empty())
        {
            if let Some(function) = function(block)? {
                functions.push(function);
            }
        }
        Ok(Parts {
            types: tidy_types(&header[..start]),
            functions,
        })
    }
}

/// The whole header: types, then the ordered blocks inside `extern "C"`.
pub(crate) fn render(types: &str, blocks: &[String]) -> String {
    let mut text = String::from(types.trim_end());
    text.push_str("\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n");
    for block in blocks {
        text.push_str(block);
        text.push_str("\n\n");
    }
    text.push_str("#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n#endif /* LLM_H */\n");
    text
}

/// A block of the function part; headings are comments alone and give nothing.
fn function(block: &str) -> Result<Option<Function>, String> {
    let (comment, code) = split_comment(block);
    if code.trim().is_empty() {
        return Ok(None);
    }
    let code = one_spaced(code).replace("struct llm_", "llm_");
    let open = code
        .find('(')
        .ok_or_else(|| format!("not a function: {code}"))?;
    let before = &code[..open];
    // An attribute such as LLM_DEPRECATED("why") has parentheses of its own.
    let open = if before.ends_with("LLM_DEPRECATED") {
        code[open + 1..]
            .find('(')
            .map(|at| open + 1 + at)
            .ok_or_else(|| format!("not a function: {code}"))?
    } else {
        open
    };
    let name = code[..open]
        .rsplit(|c: char| !(c.is_alphanumeric() || c == '_'))
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut text = short_comments(comment);
    text.push_str(&wrapped(&code, open));
    Ok(Some(Function { name, text }))
}

/// Breaks a declaration after a comma, under its opening parenthesis.
fn wrapped(code: &str, open: usize) -> String {
    if code.len() <= WIDTH {
        return code.to_owned();
    }
    let (head, arguments) = code.split_at(open + 1);
    let mut text = String::from(head);
    let mut column = head.len();
    for (number, argument) in arguments.split(", ").enumerate() {
        if number > 0 {
            text.push(',');
            if column + argument.len() + 3 > WIDTH {
                text.push('\n');
                text.push_str(&" ".repeat(head.len()));
                column = head.len();
            } else {
                text.push(' ');
                column += 2;
            }
        }
        text.push_str(argument);
        column += argument.len();
    }
    text
}

fn tidy_types(types: &str) -> String {
    let mut text = types.to_owned();
    for (was, now) in ENUM_FORMS {
        text = text.replace(was, now);
    }
    let text = enum_typedefs(&text);
    let mut lines: Vec<String> = Vec::new();
    for line in short_comments(&text).lines() {
        // Constants stand together; cbindgen puts a blank line after each.
        let count = lines.len();
        if line.starts_with("#define LLM_")
            && count > 1
            && lines[count - 1].is_empty()
            && lines[count - 2].starts_with("#define LLM_")
        {
            lines.pop();
        }
        let fields = line.starts_with(' ')
            || line.starts_with("typedef int")
            || line.starts_with("typedef void");
        lines.push(if fields {
            line.replace("struct llm_", "llm_")
        } else {
            line.to_owned()
        });
    }
    lines.join("\n") + "\n"
}

/// `typedef` of every enum through the macro that knows which C this is, in place of cbindgen's nested conditions.
fn enum_typedefs(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(TYPEDEF_OPEN) {
        out.push_str(&rest[..at]);
        let after = &rest[at + TYPEDEF_OPEN.len()..];
        let name = after
            .split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
            .unwrap_or_default();
        out.push_str(&format!("LLM_ENUM({name});"));
        rest = after
            .find(TYPEDEF_CLOSE)
            .map_or("", |end| &after[end + TYPEDEF_CLOSE.len()..]);
    }
    out.push_str(rest);
    out
}

/// `/**`, one line, `*/` on three lines becomes one line, where it fits.
fn short_comments(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < lines.len() {
        let short =
            lines[at].trim() == "/**" && lines.get(at + 2).is_some_and(|line| line.trim() == "*/");
        if short && lines[at].len() + lines[at + 1].trim().len() + 4 <= WIDTH {
            let indent = &lines[at][..lines[at].len() - lines[at].trim_start().len()];
            let words = lines[at + 1].trim().trim_start_matches('*').trim();
            out.push_str(&format!("{indent}/** {words} */\n"));
            at += 3;
        } else {
            out.push_str(lines[at].trim_end());
            out.push('\n');
            at += 1;
        }
    }
    out
}

fn split_comment(block: &str) -> (&str, &str) {
    if !block.starts_with("/*") {
        return ("", block);
    }
    block
        .find("*/")
        .map_or(("", block), |end| block.split_at(end + 2))
}

fn one_spaced(code: &str) -> String {
    code.split_whitespace().collect::<Vec<_>>().join(" ")
}

const WIDTH: usize = 120;
const OPEN: &str = "#ifdef __cplusplus\nextern \"C\" {";
const CLOSE: &str = "#ifdef __cplusplus\n}";

// What cbindgen 0.29.4 prints for a `#[repr(i32)]` enum in C with `cpp_compat`. Only exact text is replaced: a cbindgen that
// prints another form leaves a header that still compiles.
const ENUM_FORMS: &[(&str, &str)] = &[
    (
        "\n#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L\n  : int32_t\n#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L\n {",
        " LLM_INT32\n{",
    ),
    (",\n};", "\n};"),
];
const TYPEDEF_OPEN: &str = "#ifndef __cplusplus\n#if __STDC_VERSION__ >= 202311L\ntypedef enum ";
const TYPEDEF_CLOSE: &str = "#endif // __cplusplus";

#[cfg(test)]
mod tests {
    use super::*;

    const RAW: &str = "/**
 * Outcome.
 */
enum llm_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  LLM_OK = 0,
  /**
   * A bug.
   */
  LLM_ERR_INTERNAL = -1,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum llm_status llm_status;
#else
typedef int32_t llm_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

#ifdef __cplusplus
extern \"C\" {
#endif // __cplusplus

/**
 * Send.
 */
LLM_API
LLM_MUST_USE
llm_status llm_complete(struct llm_client *client,
                        const char *request_json,
                        size_t len,
                        const struct llm_options *options,
                        struct llm_response **out);

LLM_API uint32_t llm_version_number(void);

#ifdef __cplusplus
}  // extern \"C\"
#endif  // __cplusplus
";

    #[test]
    fn enums_keep_one_form_and_short_comments_one_line() {
        let types = Parts::of(RAW).unwrap().types;
        let expected = "/** Outcome. */\nenum llm_status LLM_INT32\n{\n  LLM_OK = 0,\n  /** A bug. */\n  LLM_ERR_INTERNAL = -1\n};\nLLM_ENUM(llm_status);";
        assert_eq!(types.trim_end(), expected);
    }

    #[test]
    fn functions_are_named_unwrapped_and_wrapped_again_at_120_columns() {
        let functions = Parts::of(RAW).unwrap().functions;
        let names: Vec<&str> = functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["llm_complete", "llm_version_number"]);
        assert_eq!(
            functions[0].text,
            "/** Send. */\nLLM_API LLM_MUST_USE llm_status llm_complete(llm_client *client, const char *request_json, size_t len,\n                                             const llm_options *options, llm_response **out);"
        );
    }

    #[test]
    fn a_rendered_header_reads_back_the_same() {
        let parts = Parts::of(RAW).unwrap();
        let blocks: Vec<String> = parts.functions.iter().map(|f| f.text.clone()).collect();
        let once = render(&parts.types, &blocks);
        let again = Parts::of(&once).unwrap();
        let blocks: Vec<String> = again.functions.iter().map(|f| f.text.clone()).collect();
        assert_eq!(render(&again.types, &blocks), once);
    }
}
