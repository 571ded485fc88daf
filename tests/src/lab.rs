//! Tests that run in the tape laboratory: a machine of its own with the real st driver (`tools/tapelab`).

use std::process::Command;

use crate::corpus;

/// Set for the part of a test that runs inside.
const INSIDE: &str = "TAPELAB_GUEST";

/// The drives of the laboratory, each with a blank cartridge in.
#[derive(Debug, Clone, Copy)]
pub struct Lab {
    /// How many drives: /dev/nst0, /dev/nst1...
    pub drives: u32,
    /// MiB on a cartridge; early warning comes 2 MiB before.
    pub cartridge_mib: u32,
}

impl Lab {
    /// Boots the laboratory and runs this same test in it, where `body` is run instead. `test` is the test's name.
    pub fn run(self, test: &str, body: impl FnOnce()) {
        if std::env::var_os(INSIDE).is_some() {
            return body();
        }
        let mut command = Command::new(corpus::tool("tapelab"));
        command.arg("run").arg(std::env::current_exe().expect("a test knows its own file"));
        command.args(["--exact", test, "--nocapture"]).env(INSIDE, "1");
        command.env("TAPELAB_DRIVES", self.drives.to_string());
        command.env("TAPELAB_SIZE", self.cartridge_mib.to_string());
        command.env("TAPELAB_WRITABLE", std::env::temp_dir());
        let output = command.output().expect("tools/tapelab can be started");
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "in the laboratory: {}\n{out}\n{err}", output.status);
        assert!(out.contains("1 passed"), "the test did not run in the laboratory:\n{out}\n{err}");
    }
}
