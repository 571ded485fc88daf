//! What the stages tell about their work while it goes on, whoever listens.

/// What is counted. Listed = done + excluded + failed + pending at any moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Counter {
    /// Instances that the phase has to deal with.
    Listed,
    /// Those that are done.
    Done,
    /// Those left out on purpose.
    Excluded,
    /// Those that failed, with a reason in the catalogue.
    Failed,
    /// Bytes that have passed.
    Bytes,
    /// Bytes that will have passed at the end, as far as known.
    BytesExpected,
}

/// Receives progress and the findings that do not stop the work. No patient data may be handed to it: UIDs are
/// allowed, names and IDs are not.
pub trait Monitor: Send + Sync {
    /// A phase of the work begins, such as `fetch`; all counters start at zero.
    fn phase(&self, name: &str);

    /// Sets a counter, as at the start of a phase that goes on from an earlier run; does not count for the rate.
    fn set_total(&self, counter: Counter, total: u64);

    /// Adds to a counter.
    fn count(&self, counter: Counter, more: u64);

    /// Takes back what was counted: a failure that was made good, for example.
    fn uncount(&self, counter: Counter, less: u64);

    /// Something that the operator may want to see pass by.
    fn note(&self, text: &str);

    /// Something that the operator should know, and that does not stop the work.
    fn finding(&self, text: &str);
}

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Void;

impl Monitor for Void {
    fn phase(&self, _: &str) {}

    fn set_total(&self, _: Counter, _: u64) {}

    fn count(&self, _: Counter, _: u64) {}

    fn uncount(&self, _: Counter, _: u64) {}

    fn note(&self, _: &str) {}

    fn finding(&self, _: &str) {}
}
