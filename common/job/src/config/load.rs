//! Reading a configuration, with errors that name file, line, column, key, and what is allowed there.

use std::{
    fs::File,
    io::{ErrorKind, Read},
    path::Path,
};

use serde::de::DeserializeOwned;

use super::check::Check;
use crate::JobError;

/// No configuration that a person writes comes near.
const MAX_BYTES: u64 = 1 << 20;

/// Reads and checks the configuration in `path`.
pub fn load<T: DeserializeOwned + Check>(path: &Path) -> Result<T, JobError> {
    let file = File::open(path).map_err(JobError::io("open", path))?;
    let mut text = String::new();
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(JobError::io("read", path))?;
    if text.len() as u64 > MAX_BYTES {
        let error = std::io::Error::new(ErrorKind::FileTooLarge, "it is larger than 1 MiB");
        return Err(JobError::io("use the configuration", path)(error));
    }
    parse(&text, path)
}

/// Parses and checks a configuration; `path` is what errors name.
pub fn parse<T: DeserializeOwned + Check>(text: &str, path: &Path) -> Result<T, JobError> {
    let config: T = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let (line, column) = position(text, start);
        JobError::ConfigSyntax { path: path.to_owned(), line, column, message: reworded(error.message()) }
    })?;
    match config.check() {
        Ok(()) => Ok(config),
        Err(fault) => {
            Err(JobError::ConfigValue { path: path.to_owned(), key: fault.key, message: fault.message })
        }
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or(before);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// serde speaks of fields and variants, the file has keys and values; our sentence goes on after the message.
fn reworded(message: &str) -> String {
    let message = message.trim_end().trim_end_matches('.').replace('\n', ", ");
    for (serde, ours) in [("unknown field", "unknown key"), ("unknown variant", "unknown value")] {
        if let Some(rest) = message.strip_prefix(serde) {
            let rest = rest.replacen(", expected one of ", "; allowed here: ", 1);
            return format!("{ours}{}", rest.replacen(", expected ", "; allowed here: ", 1));
        }
    }
    message.replace("missing field", "missing key")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::{P2tConfig, T2pConfig};

    fn p2t_error(text: &str) -> String {
        parse::<P2tConfig>(text, Path::new("job/p2t.toml")).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_its_place_and_the_allowed_ones() {
        assert_eq!(
            p2t_error("aet = \"P2T\"\n\n[segment]\nzstd_level = 1\n  colour = \"red\"\n"),
            "job/p2t.toml, line 5, column 3: unknown key `colour`; allowed here: `bytes`, `frame_bytes`, `zstd_level`. \
             Correct the file and run the command again."
        );
        assert_eq!(
            p2t_error("[pace]\n[[pace.window]]\nfrom = \"19:00\"\nto = \"06:00\"\nbyte_per_second = 3\n"),
            "job/p2t.toml, line 5, column 1: unknown key `byte_per_second`; allowed here: `days`, `from`, `to`, `limits`. \
             Correct the file and run the command again."
        );
        let top = p2t_error("[sauce]\nnode = \"/data\"\n");
        assert!(
            top.starts_with("job/p2t.toml, line 1, column 2: unknown key `sauce`; allowed here: `aet`, "),
            "{top}"
        );
        let one = parse::<T2pConfig>("[spool]\nlimit = 3", Path::new("t2p.toml")).unwrap_err().to_string();
        assert!(one.contains("line 2, column 1: unknown key `limit`; allowed here: `limit_bytes`."), "{one}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_place() {
        for (text, place, message) in [
            ("aet = 5", "line 1, column 7", "expected a string"),
            (
                "[source]\nretrieve = \"get\"",
                "line 2, column 12",
                "unknown value `get`; allowed here: `auto`, `c-get`",
            ),
            ("aet = \"A\\\\B\"", "line 1, column 7", "without backslash. Correct the file"),
            ("[source]\nnode = \"PACS@host\"", "line 2, column 8", "there is no ':port' after the host"),
            (
                "[source]\nnode = \"http://x\"",
                "line 2, column 8",
                "\"http://x\" is not the address of a DICOMweb service",
            ),
            ("[spool]\nlimit_bytes = \"5 M\"", "line 2, column 15", "\"5 M\" is not a size"),
            ("[pace]\ntime_zone = \"Mars\"", "line 2, column 13", "\"Mars\" is not a time zone"),
            ("[pace]\n[[pace.window]]\nfrom = \"19\"", "line 3, column 8", "\"19\" is not a time of day"),
            ("[pace]\n[[pace.window]]\nfrom = \"19:00\"", "line 2, column 1", "missing key `to`"),
            ("[pace.limits]\nassociations = 0", "line 2, column 16", "associations must be at least 1"),
            ("[selection]\nstudy_date_from = 2024-02-30", "line 2, column 19", ""),
            ("[selection]\nstudy_date_from = \"2024-02-30\"", "line 2, column 19", "is not a date"),
            ("x = \"é\"]", "line 1, column 8", ""),
            ("aet = \"A\"\naet = \"B\"", "line 2, column 1", "duplicate key"),
        ] {
            let error = p2t_error(text);
            assert!(error.contains(&format!("p2t.toml, {place}: ")), "{text}: {error}");
            assert!(error.contains(message), "{text}: {error}");
        }
    }

    #[test]
    fn a_value_out_of_range_is_named_with_its_key() {
        let error = p2t_error("[segment]\nzstd_level = 23\n");
        assert_eq!(
            error,
            "job/p2t.toml: `segment.zstd_level` is 23, but must be from 1 to 19. Correct the file and run the command again."
        );
    }

    #[test]
    fn files_that_cannot_be_configurations_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p2t.toml");
        assert!(matches!(load::<P2tConfig>(&path), Err(JobError::Io { action: "open", .. })));
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(load::<P2tConfig>(&path), Err(JobError::Io { action: "read", .. })));
        fs::write(&path, "#".repeat((1 << 20) + 1)).unwrap();
        let error = load::<P2tConfig>(&path).unwrap_err();
        assert!(matches!(error, JobError::Io { action: "use the configuration", .. }), "{error}");
    }
}
