//! Windows in which a job may work.

use crate::program::Program;

/// One window on a day of the week that is neither today nor tomorrow, wherever midnight falls while the test runs.
pub fn never_now() -> toml::Value {
    let days_since_thursday =
        std::time::SystemTime::UNIX_EPOCH.elapsed().expect("the clock is after 1970").as_secs() / 86_400;
    let names = ["thu", "fri", "sat", "sun", "mon", "tue", "wed"];
    let day = names[(days_since_thursday as usize + 3) % names.len()];
    let window: toml::Table =
        format!("days = [\"{day}\"]\nfrom = \"01:00\"\nto = \"02:00\"").parse().expect("it is TOML");
    toml::Value::Array(vec![window.into()])
}

/// A window that never closes.
pub fn always() -> toml::Value {
    let window: toml::Table = "from = \"00:00\"\nto = \"24:00\"".parse().expect("it is TOML");
    toml::Value::Array(vec![window.into()])
}

/// Has the job work in this window alone.
pub fn within(program: &Program, window: toml::Value) {
    program.configure("pace", "time_zone", "UTC");
    program.configure("pace", "window", window);
}
