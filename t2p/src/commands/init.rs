//! `t2p init`: makes a job directory.

use job::config::DestinationConfig;
use job::{JobDir, NodeOrPath, Outcome, Program, T2pConfig};
use serde_json::{Value, json};

use crate::cli::Init;
use crate::error::{Error, Result};

pub fn run(arguments: Init) -> Result<Outcome<Value>> {
    let Init { dir, destinations, aet } = arguments;
    for destination in &destinations {
        match destination {
            NodeOrPath::Node(_) => {}
            NodeOrPath::Web(address) => return Err(Error::WebDestination(address.to_string())),
            NodeOrPath::Path(path) => return Err(Error::FolderDestination(path.clone())),
        }
    }
    let mut config = T2pConfig {
        destination: destinations.into_iter().map(DestinationConfig::new).collect(),
        ..T2pConfig::default()
    };
    config.aet = aet.unwrap_or(config.aet);
    let job = JobDir::create(&dir, Program::T2p, &config.render())?;
    let path = job.config_file();
    let text = format!(
        "made {}\nlook through {}, then run: t2p ingest MEDIUM --job {}",
        dir.display(),
        path.display(),
        dir.display()
    );
    Ok(Outcome::clean(json!({ "job": dir, "configuration": path }), text))
}
