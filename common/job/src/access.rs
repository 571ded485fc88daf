//! What a configuration says about the way to an archive, with its secrets read.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use dimse::{Options, Timeouts, UserIdentity};

use crate::config::{LoginConfig, TimeoutsConfig, TlsConfig};
use crate::{JobDir, JobError, WebAddress};

/// No passcode or token comes near.
const MAX_SECRET: u64 = 16 << 10;

/// Text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever must send it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Who we are to an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// A user by name.
    User {
        /// The name.
        name: String,
        /// The passcode, if there is one.
        passcode: Option<Secret>,
    },
    /// Whoever holds this token.
    Token(Secret),
}

impl Login {
    /// Reads the secrets that the configuration names.
    pub fn read(config: &LoginConfig, job: &JobDir) -> Result<Self, JobError> {
        let file =
            |path: &Option<PathBuf>| path.as_ref().map(|path| from_file(&job.resolve(path))).transpose();
        let variable = |name: &Option<String>| name.as_deref().map(from_environment).transpose();
        let token = file(&config.token_file)?.or(variable(&config.token_env)?);
        if let Some(token) = token {
            return Ok(Self::Token(token));
        }
        let passcode = file(&config.passcode_file)?.or(variable(&config.passcode_env)?);
        Ok(Self::User { name: config.user.clone().unwrap_or_default(), passcode })
    }
}

/// The TLS that an address of DICOMweb asks for; without a table, with the CAs of the system.
pub fn web_tls(
    address: &WebAddress,
    config: Option<&TlsConfig>,
    job: &JobDir,
) -> Result<Option<tls::Client>, JobError> {
    match (address.tls, config) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(JobError::TlsWithoutHttps { address: address.to_string() }),
        (true, config) => {
            let files = config.map(|config| config.files(job)).unwrap_or_default();
            Ok(Some(tls::Client::load(&files)?))
        }
    }
}

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
        options = options.with_user(user(Login::read(login, job)?)?);
    }
    Ok(options)
}

fn user(login: Login) -> Result<UserIdentity, JobError> {
    match login {
        Login::User { name, passcode: None } => Ok(UserIdentity::username(name)?),
        Login::User { name, passcode: Some(passcode) } => {
            Ok(UserIdentity::with_passcode(name, passcode.reveal())?)
        }
        Login::Token(_) => Err(JobError::TokenForDimse),
    }
}

fn from_file(path: &Path) -> Result<Secret, JobError> {
    let mut text = String::new();
    let file = File::open(path).map_err(JobError::io("open", path))?;
    file.take(MAX_SECRET + 1).read_to_string(&mut text).map_err(JobError::io("read", path))?;
    if text.len() as u64 > MAX_SECRET {
        let error = std::io::Error::new(ErrorKind::FileTooLarge, "it is larger than 16 KiB");
        return Err(JobError::io("use the secret", path)(error));
    }
    sound(&text, &path.display().to_string())
}

fn from_environment(name: &str) -> Result<Secret, JobError> {
    let text = std::env::var(name).map_err(|_| JobError::NoSecret { place: format!("${name}") })?;
    sound(&text, &format!("${name}"))
}

/// Without the line end that editors leave behind.
fn sound(text: &str, place: &str) -> Result<Secret, JobError> {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() || text.chars().any(char::is_control) {
        return Err(JobError::NoSecret { place: place.to_owned() });
    }
    Ok(Secret(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Program;

    fn job(dir: &Path) -> JobDir {
        JobDir::create(&dir.join("job"), Program::P2t, "").unwrap()
    }

    fn with_file(content: &str) -> Result<Login, JobError> {
        let dir = tempfile::tempdir().unwrap();
        let job = job(dir.path());
        fs::write(dir.path().join("job/secret"), content).unwrap();
        let passcode_file = Some("secret".into());
        let config = LoginConfig { user: Some("p2t".to_owned()), passcode_file, ..LoginConfig::default() };
        Login::read(&config, &job)
    }

    #[test]
    fn a_passcode_is_the_files_line_and_is_never_shown() {
        let login = with_file("open sesame\r\n").unwrap();
        let Login::User { name, passcode: Some(passcode) } = &login else { panic!("{login:?}") };
        assert_eq!((name.as_str(), passcode.reveal()), ("p2t", "open sesame"));
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
        let token_env = Some("P2T_NO_SUCH_VARIABLE".to_owned());
        let error = Login::read(&LoginConfig { token_env, ..LoginConfig::default() }, &job(dir.path()));
        assert!(error.unwrap_err().to_string().contains("$P2T_NO_SUCH_VARIABLE"));
    }

    #[test]
    fn tls_and_the_address_must_agree() {
        let dir = tempfile::tempdir().unwrap();
        let job = job(dir.path());
        let table = TlsConfig { ca: Some("missing.pem".into()), ..TlsConfig::default() };
        let (plain, secure) = ("http://localhost/rs".parse().unwrap(), "https://pacs/rs".parse().unwrap());
        assert!(web_tls(&plain, None, &job).unwrap().is_none());
        let error = web_tls(&plain, Some(&table), &job).unwrap_err().to_string();
        assert!(error.contains("http://localhost/rs"), "{error}");
        let error = web_tls(&secure, Some(&table), &job).unwrap_err().to_string();
        assert!(error.contains("missing.pem"), "{error}");
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
