//! Devices for tests.

#[cfg(test)]
use std::collections::VecDeque;

use super::command::Command;
use super::device::Transport;
use super::failure::Failure;

/// Answers commands one after the other, whatever they are; then not at all.
#[cfg(test)]
pub(crate) struct Script(VecDeque<Result<Vec<u8>, Failure>>);

#[cfg(test)]
impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<Vec<u8>, Failure>>) -> Self {
        Self(answers.into_iter().collect())
    }
}

#[cfg(test)]
impl Transport for Script {
    fn execute(&mut self, _command: &Command) -> Result<Vec<u8>, Failure> {
        self.0.pop_front().unwrap_or(Err(Failure::TimedOut))
    }
}

/// Answers each command by a function.
pub(crate) struct Model<F>(pub(crate) F);

impl<F: FnMut(&Command) -> Result<Vec<u8>, Failure> + Send> Transport for Model<F> {
    fn execute(&mut self, command: &Command) -> Result<Vec<u8>, Failure> {
        (self.0)(command)
    }
}
