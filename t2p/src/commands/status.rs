//! `t2p status`: how far the job is, also while another process works on it.

use catalogue::balance::Stage;
use job::{DecimalBytes, Outcome, SilentDrive};
use serde_json::{Value, json};

use super::changed::Told;
use crate::context::Context;
use crate::error::Result;

pub fn run(context: &Context) -> Result<Outcome<Value>> {
    let reader = context.reader()?;
    let loaded = reader.balance(Stage::Load)?;
    let mut lines = vec![format!(
        "volumes    listed {} = loaded {} + excluded {} + failed {} + pending {}  (instances)",
        loaded.instances.listed,
        loaded.instances.done,
        loaded.instances.excluded,
        loaded.instances.failed,
        loaded.instances.pending
    )];
    let mut destinations = Vec::new();
    let mut first = None;
    for destination in reader.destinations()? {
        let balance = reader.balance(Stage::Deliver(destination.id))?;
        let instances = balance.instances;
        lines.push(format!(
            "{}  listed {} = accepted {} + excluded {} + failed {} + pending {}",
            destination.name,
            instances.listed,
            instances.done,
            instances.excluded,
            instances.failed,
            instances.pending
        ));
        let proved = reader.balance(Stage::Audit(destination.id))?.instances.done;
        lines.push(format!("{}  {proved} proved by audit", destination.name));
        first.get_or_insert(balance);
        destinations.push(json!({ "name": destination.name, "studies": balance.studies,
                                  "instances": instances, "proved": proved }));
    }
    let silent = SilentDrive::known(&reader)?;
    lines.extend(silent.iter().map(|silent| format!("WARNING    {}", silent.text())));
    let told = Told::by(&reader)?;
    lines.extend(told.line());
    let volumes = reader.volumes()?;
    for row in &volumes {
        let place =
            if row.volume.medium.is_empty() { "did not arrive yet" } else { row.volume.medium.as_str() };
        lines.push(format!(
            "volume {:>4} {:?} {} {place}",
            row.volume.sequence,
            row.state,
            DecimalBytes(row.bytes)
        ));
    }
    let balance = first.unwrap_or(loaded);
    let document = json!({
        "studies": balance.studies,
        "instances": balance.instances,
        "loaded": loaded.instances,
        "destinations": destinations,
        "source_changes": told,
        "silent_drives": silent,
        "volumes": volumes.iter().map(|row| json!({
            "sequence": row.volume.sequence, "id": row.volume.uuid, "medium": row.volume.medium,
            "state": row.state, "bytes": row.bytes, "last": row.last,
        })).collect::<Vec<_>>(),
    });
    Ok(Outcome::clean(document, lines.join("\n")))
}
