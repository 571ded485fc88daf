//! What a configuration says about the way to an archive, with its secrets read.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use dimse::{Options, Timeouts, UserIdentity};

use crate::config::{LoginConfig, TimeoutsConfig, TlsConfig};
use crate::{JobDir, JobError};

/// No passcode comes near.
const MAX_SECRET: u64 = 16 << 10;

/// How associations with an archive are opened.
pub fn dimse_options(
    timeouts: &TimeoutsConfig,
    tls: Option<&TlsConfig>,
    login: Option<&LoginConfig>,
    job: &JobDir,
) -> Result<Options, JobError> {
    let mut options = Options::default().with_timeouts(Timeouts {
        connect: timeouts.connect(),
        associate: timeouts.associate(),
        idle: timeouts.idle(),
        ..Timeouts::default()
    });
    if let Some(tls) = tls {
        options = options.with_tls(tls::Client::load(&tls.files(job))?);
    }
    if let Some(login) = login {
        options = options.with_user(user(login, job)?);
    }
    Ok(options)
}

fn user(login: &LoginConfig, job: &JobDir) -> Result<UserIdentity, JobError> {
    let file = login.passcode_file.as_ref().map(|path| from_file(&job.resolve(path))).transpose()?;
    let variable = login.passcode_env.as_deref().map(from_environment).transpose()?;
    let name = login.user.clone().unwrap_or_default();
    Ok(match file.or(variable) {
        Some(passcode) => UserIdentity::with_passcode(name, &passcode)?,
        None => UserIdentity::username(name)?,
    })
}

fn from_file(path: &Path) -> Result<String, JobError> {
    let mut text = String::new();
    let file = File::open(path).map_err(JobError::io("open", path))?;
    file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(JobError::io("read", path))?;
    if text.len() as u64 > MAX_SECRET {
        let error = std::io::Error::new(ErrorKind::FileTooLarge, "it is larger than 16 KiB");
        return Err(JobError::io("use the secret", path)(error));
    }
    sound(&text, &path.display().to_string())
}

fn from_environment(name: &str) -> Result<String, JobError> {
    let text = std::env::var(name).map_err(|_| JobError::NoSecret { place: format!("${name}") })?;
    sound(&text, &format!("${name}"))
}

/// Without the line end that editors leave behind.
fn sound(text: &str, place: &str) -> Result<String, JobError> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(JobError::NoSecret { place: place.to_owned() });
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Program;

    fn job(dir: &Path) -> JobDir {
        JobDir::create(&dir.join("job"), Program::P2t, "").unwrap()
    }

    fn with_file(content: &str) -> Result<UserIdentity, JobError> {
        let dir = tempfile::tempdir().unwrap();
        let job = job(dir.path());
        fs::write(dir.path().join("job/secret"), content).unwrap();
        let passcode_file = Some("secret".into());
        let config = LoginConfig { user: Some("p2t".to_owned()), passcode_file, ..LoginConfig::default() };
        user(&config, &job)
    }

    #[test]
    fn a_passcode_is_the_files_line_and_is_never_shown() {
        let login = with_file("open sesame\r\n").unwrap();
        assert_eq!(login, UserIdentity::with_passcode("p2t".to_owned(), "open sesame").unwrap());
        assert!(!format!("{login:?}").contains("sesame"));
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused_by_its_place_only() {
        for content in ["", "\n", "two\nlines"] {
            let error = with_file(content).unwrap_err().to_string();
            assert!(error.contains("job/secret") && !error.contains("lines\n"), "{error}");
        }
        assert!(matches!(with_file(&"x".repeat(20_000)), Err(JobError::Io { .. })));
        let dir = tempfile::tempdir().unwrap();
        let passcode_env = Some("P2T_NO_SUCH_VARIABLE".to_owned());
        let error = user(&LoginConfig { passcode_env, ..LoginConfig::default() }, &job(dir.path()));
        assert!(error.unwrap_err().to_string().contains("$P2T_NO_SUCH_VARIABLE"));
    }

    #[test]
    fn options_of_a_job_that_names_nothing_are_plain() {
        let dir = tempfile::tempdir().unwrap();
        let timeouts = TimeoutsConfig { connect_seconds: 3, ..TimeoutsConfig::default() };
        let job = job(dir.path());
        let options = dimse_options(&timeouts, None, None, &job).unwrap();
        assert_eq!(options.timeouts.connect.as_secs(), 3);
        let ca = Some("missing.pem".into());
        let tls = TlsConfig { ca, ..TlsConfig::default() };
        let error = dimse_options(&timeouts, Some(&tls), None, &job).unwrap_err();
        assert!(error.to_string().contains("missing.pem"), "{error}");
    }
}
