//! `p2t drive`: tape drives, without a job.

mod status;
mod test;

use job::{Common, Outcome};
use serde_json::Value;

use crate::cli::Drive;
use crate::error::Result;

pub fn run(common: &Common, command: Drive) -> Result<Outcome<Value>> {
    match command {
        Drive::Status { drives } => Ok(status::run(drives)),
        Drive::Test(arguments) => test::run(common, &arguments),
    }
}
