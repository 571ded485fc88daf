//! Writing a configuration as a person would: with comments, and with what is not set as an example to uncomment.

use std::fmt::Write;

use serde::Serialize;
use toml::Value;

/// A configuration file in the making.
#[derive(Debug, Default)]
pub struct Page(String);

impl Page {
    pub fn new(heading: &str) -> Self {
        let mut page = Self::default();
        page.comment(heading);
        page
    }

    pub fn finish(self) -> String {
        self.0
    }

    pub fn note(&mut self, text: &str) {
        self.0.push('\n');
        self.comment(text);
    }

    pub fn table(&mut self, name: &str, comment: &str) {
        self.0.push('\n');
        self.comment(comment);
        self.line(&format!("[{name}]"));
    }

    pub fn array_table(&mut self, name: &str) {
        self.line(&format!("[[{name}]]"));
    }

    pub fn key(&mut self, comment: &str, key: &str, value: impl Into<Value>) {
        self.comment(comment);
        self.bare_key(key, value);
    }

    pub fn bare_key(&mut self, key: &str, value: impl Into<Value>) {
        self.line(&format!("{key} = {}", value.into()));
    }

    /// A key that is set, or else an example of it that is commented out.
    pub fn optional(&mut self, comment: &str, key: &str, value: Option<impl Into<Value>>, example: &str) {
        self.comment(comment);
        if let Some(value) = value {
            self.bare_key(key, value);
        } else {
            self.example(&format!("{key} = {example}"));
        }
    }

    /// As [`optional`](Self::optional) for a key that cannot be set beside another one: its example is a comment.
    pub fn alternative(&mut self, comment: &str, key: &str, value: Option<impl Into<Value>>, example: &str) {
        match value {
            Some(value) => self.key(comment, key, value),
            None => self.comment(&format!("{comment} {key} = {example}")),
        }
    }

    /// A table that is set, in one line, or else an example of it that is commented out.
    pub fn optional_table(
        &mut self,
        comment: &str,
        key: &str,
        table: Option<&impl Serialize>,
        example: &str,
    ) {
        self.optional(comment, key, table.and_then(|table| Value::try_from(table).ok()), example);
    }

    /// A list that has members, or else an example of it that is commented out.
    pub fn list(&mut self, comment: &str, key: &str, values: Vec<String>, example: &str) {
        self.optional(comment, key, (!values.is_empty()).then_some(values), example);
    }

    pub fn example_array_table(&mut self, name: &str, keys: &[&str]) {
        self.example(&format!("[[{name}]]"));
        for key in keys {
            self.example(key);
        }
    }

    /// The keys of a value that is a table, in its own order.
    pub fn serialized(&mut self, table: &impl Serialize) {
        if let Ok(Value::Table(keys)) = Value::try_from(table) {
            for (key, value) in keys {
                self.line(&format!("{key} = {value}"));
            }
        }
    }

    fn comment(&mut self, text: &str) {
        for line in text.lines() {
            self.line(&format!("# {line}"));
        }
    }

    /// Without the space that comments have, so that examples can be told from them.
    fn example(&mut self, line: &str) {
        self.line(&format!("#{line}"));
    }

    fn line(&mut self, line: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// The page with all its examples uncommented, as an operator would who wants everything.
#[cfg(test)]
pub fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}
