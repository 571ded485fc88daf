//! `p2t init`: makes a job directory.

use std::path::{Path, PathBuf};

use job::config::{MediaConfig, SourceConfig};
use job::{JobDir, NodeOrPath, Outcome, P2tConfig, Program};
use serde_json::{Value, json};

use crate::cli::Init;
use crate::error::{Error, Result};
use crate::media;

pub fn run(arguments: Init) -> Result<Outcome<Value>> {
    let Init { dir, source, to, copies, volume_bytes, aet } = arguments;
    let mut config = P2tConfig {
        source: SourceConfig { node: source.map(absolute_node).transpose()?, ..SourceConfig::default() },
        media: MediaConfig {
            to: to.iter().map(|spec| absolute_medium(spec)).collect::<Result<_>>()?,
            copies: copies.unwrap_or(1),
            volume_bytes,
            ..MediaConfig::default()
        },
        ..P2tConfig::default()
    };
    config.aet = aet.unwrap_or(config.aet);
    let job = JobDir::create(&dir, Program::P2t, &config.render())?;
    let path = job.config_file();
    let text = format!(
        "made {}\nlook through {}, then run: p2t plan --job {}",
        dir.display(),
        path.display(),
        dir.display()
    );
    Ok(Outcome::clean(json!({ "job": dir, "configuration": path }), text))
}

fn absolute_node(node: NodeOrPath) -> Result<NodeOrPath> {
    Ok(match node {
        NodeOrPath::Path(path) => NodeOrPath::Path(absolute(&path)?),
        node @ (NodeOrPath::Node(_) | NodeOrPath::Web(_)) => node,
    })
}

/// A medium, perhaps of one copy, by a name that means the same everywhere.
fn absolute_medium(spec: &str) -> Result<String> {
    let (copy, medium) = media::split(spec);
    let medium = absolute(Path::new(medium))?.display().to_string();
    Ok(copy.map_or_else(|| medium.clone(), |copy| format!("copy{copy}={medium}")))
}

/// Paths on the command line are meant from here; in the configuration they are meant from the job directory.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(Error::file("find", path))
}
