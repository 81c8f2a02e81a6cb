//! The header's text, taken apart: names to measure, and signatures. It is our own generator's output, so its shape is known; what does
//! not have that shape is an error and never skipped.

/// What a header declares.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// Macros with a value that programs compile in.
    constants: Vec<String>,
    /// Enums, each with its values' names.
    enums: Vec<(String, Vec<String>)>,
    /// Structs that are not opaque, each with its fields.
    structs: Vec<(String, Vec<String>)>,
    /// Functions and callback types: what they take and give, without the names of parameters.
    pub(super) signatures: Vec<String>,
}

impl Facts {
    /// Reads include/llm.h.
    pub(super) fn of(header: &str) -> Result<Facts, String> {
        let text = without_comments(header);
        let mut facts = Facts {
            constants: constants(&text),
            ..Facts::default()
        };
        // Preprocessor lines would end up in what stands behind them.
        let text: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#') && !line.starts_with("extern \"C\""))
            .flat_map(|line| [line, "\n"])
            .collect();
        let mut rest = text.as_str();
        while let Some((statement, after)) = statement(rest) {
            facts.add(&joined(statement))?;
            rest = after;
        }
        if facts.enums.is_empty() || facts.structs.is_empty() || facts.signatures.is_empty() {
            return Err(
                "the header has no enum, no struct or no function in a known shape".to_owned(),
            );
        }
        Ok(facts)
    }

    fn add(&mut self, statement: &str) -> Result<(), String> {
        if let Some(function) = statement.strip_prefix("LLM_API ") {
            let function = function.trim_start_matches("LLM_MUST_USE ");
            self.signatures
                .push(format!("function {}", signature(function)?));
        } else if let Some(body) = statement.strip_prefix("enum ") {
            let (name, values) = block(body)?;
            let name = name.trim_end_matches(" LLM_INT32").to_owned();
            let values = values.split(',').filter_map(|value| {
                let name = value.split('=').next()?.trim();
                (!name.is_empty()).then(|| name.to_owned())
            });
            self.enums.push((name, values.collect()));
        } else if let Some(body) = statement.strip_prefix("typedef struct ") {
            if body.contains('{') {
                let (name, fields) = block(body)?;
                let fields = fields.split(';').filter_map(last_word).map(str::to_owned);
                self.structs.push((name.to_owned(), fields.collect()));
            }
        } else if let Some(callback) = statement.strip_prefix("typedef ") {
            if callback.contains("(*") {
                self.signatures
                    .push(format!("callback {}", signature(callback)?));
            } else {
                self.signatures.push(format!("type {callback}"));
            }
        } else if !statement.starts_with("LLM_ENUM(") && statement != "}" && !statement.is_empty() {
            return Err(format!("a declaration of unknown shape: {statement}"));
        }
        Ok(())
    }

    /// A C program that prints what a compiler makes of it, a fact a line.
    pub(super) fn program(&self) -> String {
        let mut text = "#include <stdalign.h>\n#include <stdio.h>\n#include \"llm.h\"\n\
                        _Static_assert(sizeof(void *) == 8, \"the snapshot is of 64-bit targets\");\n\
                        int main(void)\n{\n    printf(\"abi %lld\\n\", (long long)LLM_ABI_VERSION);\n"
            .to_owned();
        for name in &self.constants {
            text.push_str(&format!(
                "    printf(\"constant {name} %lld\\n\", (long long){name});\n"
            ));
        }
        for (name, values) in &self.enums {
            text.push_str(&format!(
                "    printf(\"enum {name} size %zu\\n\", sizeof({name}));\n"
            ));
            for value in values {
                text.push_str(&format!(
                    "    printf(\"enum {name} {value} %lld\\n\", (long long){value});\n"
                ));
            }
        }
        for (name, fields) in &self.structs {
            text.push_str(&format!(
                "    printf(\"struct {name} size %zu\\nstruct {name} align %zu\\n\", sizeof({name}), alignof({name}));\n"
            ));
            for field in fields {
                text.push_str(&format!(
                    "    printf(\"struct {name} {field} offset %zu size %zu\\n\", offsetof({name}, {field}), sizeof((({name} *)0)->{field}));\n"
                ));
            }
        }
        text.push_str("    return 0;\n}\n");
        text
    }
}

/// Object-like macros with a number in them. Versions are left out: they are meant to change.
fn constants(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| {
            let (name, value) = line.strip_prefix("#define LLM_")?.split_once(' ')?;
            let number = value
                .trim()
                .starts_with(|first: char| first.is_ascii_digit() || first == '-')
                || value.trim() == "SIZE_MAX";
            (number && !name.contains("VERSION")).then(|| format!("LLM_{name}"))
        })
        .collect()
}

fn without_comments(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        out.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, behind)| behind);
    }
    out.push_str(rest);
    out
}

/// Up to the next semicolon that stands outside of braces; LLM_ENUM's too.
fn statement(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            // The closing brace of extern "C" is the only one without its opening here.
            ';' if depth <= 0 => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

fn joined(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// Name and inside of `NAME { INSIDE } ...`.
fn block(text: &str) -> Result<(&str, &str), String> {
    let (name, inside) = text
        .split_once('{')
        .ok_or_else(|| format!("no body: {text}"))?;
    let (inside, _) = inside
        .rsplit_once('}')
        .ok_or_else(|| format!("no end: {text}"))?;
    Ok((name.trim(), inside))
}

fn last_word(text: &str) -> Option<&str> {
    let word = text
        .trim()
        .rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .next()?;
    (!word.is_empty()).then_some(word)
}

/// `int f(const char *text, size_t)` as `int f(const char *, size_t)`: names of parameters are nobody's business.
fn signature(text: &str) -> Result<String, String> {
    let (head, parameters) = text
        .rsplit_once('(')
        .ok_or_else(|| format!("no parameters: {text}"))?;
    let parameters = parameters
        .strip_suffix(')')
        .ok_or_else(|| format!("no end of parameters: {text}"))?;
    let types: Vec<&str> = parameters.split(',').map(nameless).collect();
    Ok(format!("{head}({})", types.join(", ")))
}

fn nameless(parameter: &str) -> &str {
    let parameter = parameter.trim();
    match last_word(parameter) {
        Some(word) if word.len() < parameter.len() => {
            parameter[..parameter.len() - word.len()].trim_end()
        }
        _ => parameter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "
/** One; of /* many. */
#define LLM_NTS SIZE_MAX
#define LLM_ABI_VERSION 1
#define LLM_OPT_RAW 1
#define LLM_API __attribute__((x))
#ifdef __cplusplus
extern \"C\" {
#endif
enum llm_status LLM_INT32
{
  /** Success. */
  LLM_OK = 0,
  LLM_BAD = -1
};
LLM_ENUM(llm_status);
typedef struct llm_client llm_client;
typedef int (*llm_fn)(const char *token, size_t len, void *ctx);
typedef uint64_t llm_request;
typedef struct llm_options {
  uint32_t struct_size;
  const char *provider;
} llm_options;
LLM_API LLM_MUST_USE llm_status llm_new(const char *config, size_t,
                                        llm_client **out);
LLM_API void llm_none(void);
#ifdef __cplusplus
} /* extern \"C\" */
#endif
";

    #[test]
    fn reads_every_kind_of_declaration() {
        let facts = Facts::of(HEADER).unwrap();
        assert_eq!(facts.constants, ["LLM_NTS", "LLM_OPT_RAW"]);
        assert_eq!(
            facts.enums,
            [("llm_status".into(), vec!["LLM_OK".into(), "LLM_BAD".into()])]
        );
        assert_eq!(
            facts.structs,
            [(
                "llm_options".into(),
                vec!["struct_size".into(), "provider".into()]
            )]
        );
        assert_eq!(
            facts.signatures,
            [
                "callback int (*llm_fn)(const char *, size_t, void *)",
                "type uint64_t llm_request",
                "function llm_status llm_new(const char *, size_t, llm_client **)",
                "function void llm_none(void)",
            ]
        );
        let program = facts.program();
        assert!(program.contains("offsetof(llm_options, provider)"));
        assert!(program.contains("(long long)LLM_BAD"));
    }

    #[test]
    fn an_unknown_shape_is_an_error() {
        let strange = HEADER.replace("LLM_API void", "static inline void");
        assert!(
            Facts::of(&strange)
                .unwrap_err()
                .contains("static inline void llm_none")
        );
        assert!(Facts::of("").is_err());
    }
}
