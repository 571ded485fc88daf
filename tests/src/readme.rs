//! The README of a volume, as somebody follows it who has nothing else.

/// The commands of a README's section that begins like this, to be run as they stand.
///
/// # Panics
/// If there is no such section, or no command in it.
pub fn commands(readme: &str, section: &str) -> String {
    let mut lines = readme.lines().skip_while(|line| !line.starts_with(section)).skip(2).peekable();
    let mut commands = String::new();
    while let Some(command) = lines.next_if(|line| line.starts_with("    ")) {
        commands.push_str(command);
        commands.push('\n');
    }
    assert!(!commands.is_empty(), "no commands are under {section:?} in\n{readme}");
    commands
}
