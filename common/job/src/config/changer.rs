//! The library, if there is one.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::page::Page;

/// `[changer]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangerConfig {
    /// The library's node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<PathBuf>,
    /// The tape nodes of its drives by number, for those that it does not identify by serial number.
    pub drives: Vec<PathBuf>,
    /// What the barcodes begin with of the cartridges that an export may take; all if there is none.
    pub cartridges: Vec<String>,
}

impl ChangerConfig {
    pub(super) fn render(&self, page: &mut Page) {
        page.table("changer", "A library with a robot; none unless its device is named.");
        let text = |path: &PathBuf| path.display().to_string();
        page.optional(
            "Its node; `lsscsi -g` shows it in the line with mediumx.",
            "device",
            self.device.as_ref().map(text),
            "\"/dev/sg3\"",
        );
        page.list(
            "The nodes of its drives, the first being drive 0. Only needed if `p2t changer list` shows drives without their nodes.",
            "drives",
            self.drives.iter().map(text).collect(),
            "[\"/dev/nst0\", \"/dev/nst1\"]",
        );
        page.list(
            "Exports load cartridges whose barcodes begin like this, and no others. Set it where the library is used for other things, too:\n\
             whatever is blank is taken.",
            "cartridges",
            self.cartridges.clone(),
            "[\"P2T\"]",
        );
    }
}
