//! What configuration reads besides its own text: variables and files. An argument, so that parsing is pure.

use std::io::{self, Read};

/// Variables and files, as one client sees them when it is made.
pub trait Environment {
    /// A variable's value; `None` if it is not set, is empty or is no UTF-8.
    fn var(&self, name: &str) -> Option<String>;

    /// A whole text file.
    fn read(&self, path: &str) -> io::Result<String>;
}

/// This process's variables and file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn read(&self, path: &str) -> io::Result<String> {
        let mut text = String::new();
        let file = std::fs::File::open(path)?;
        file.take(FILE_MAX + 1).read_to_string(&mut text)?;
        if text.len() as u64 > FILE_MAX {
            let message = format!("file exceeds {} MiB", FILE_MAX >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(text)
    }
}

/// Largest file that configuration reads. A bundle of every public root is 0.3 MiB, a thousand providers are 0.2 MiB.
const FILE_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_there_and_says_what_is_not() {
        let here = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert!(SystemEnvironment.read(here).unwrap().contains("[package]"));
        let error = SystemEnvironment.read("no/such/file").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(SystemEnvironment.var("LIBLLM_NO_SUCH_VARIABLE"), None);
    }
}
