//! A request under way: waiting for its responses while listening to the caller, and C-CANCEL.

use std::time::Instant;

use crate::association::Association;
use crate::command::CommandWriter;
use crate::message::Message;
use crate::{Error, Status};

/// How a caller follows a long operation.
pub struct Watch<'a> {
    /// Asked about five times a second and between objects; once true, the operation is cancelled.
    pub stop: &'a dyn Fn() -> bool,
    /// A count that grows while the operation makes progress elsewhere (objects of a C-MOVE arrive on other
    /// associations): as long as it does, the peer's silence here is no timeout.
    pub activity: &'a dyn Fn() -> u64,
}

impl Default for Watch<'_> {
    fn default() -> Self {
        Self { stop: &|| false, activity: &|| 0 }
    }
}

pub(crate) struct Operation {
    pub context: u8,
    pub id: u16,
    cancelled: Option<Instant>,
}

impl Operation {
    pub fn new(context: u8, id: u16) -> Self {
        Self { context, id, cancelled: None }
    }

    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_some()
    }
}

impl Association {
    /// Sends C-CANCEL, once.
    pub(crate) fn cancel(&mut self, operation: &mut Operation) -> Result<(), Error> {
        if operation.cancelled.is_none() {
            operation.cancelled = Some(Instant::now());
            self.send(operation.context, &CommandWriter::cancel(operation.id), None)?;
        }
        Ok(())
    }

    /// The next message, whatever it is. Cancels when the caller asks for it, and gives up if the peer then goes on
    /// for too long, but only between messages: an object on its way is still taken.
    pub(crate) fn await_message(
        &mut self,
        operation: &mut Operation,
        watch: &Watch<'_>,
    ) -> Result<Message, Error> {
        let idle = self.channel.stream.idle();
        let mut quiet_since = Instant::now();
        let mut activity = (watch.activity)();
        loop {
            if (watch.stop)() {
                self.cancel(operation)?;
            }
            if operation.cancelled.is_some_and(|at| at.elapsed() >= self.timeouts.cancel) {
                return Err(Error::Stopped);
            }
            if self.channel.stream.poll()? {
                return self.receive()?.ok_or(Error::ReleasedByPeer);
            }
            let now = (watch.activity)();
            if now != std::mem::replace(&mut activity, now) {
                quiet_since = Instant::now();
            }
            if !operation.is_cancelled() && quiet_since.elapsed() >= idle {
                return Err(wire::Error::TimedOut { what: "send anything", after: idle }.into());
            }
        }
    }

    /// Answers a request that has no place here, so that the association survives it.
    pub(crate) fn decline(&mut self, message: &Message) -> Result<(), Error> {
        self.data_set(message, &mut |_| {})?;
        self.respond(message, Status::UNRECOGNIZED_OPERATION, None)
    }
}
