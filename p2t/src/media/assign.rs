//! Which media are for which copy of the volume set.

use crate::error::{Error, Result};

/// Stands for the volume's number in a medium's name.
pub const NUMBER: &str = "{seq}";
/// Stands for the copy's number in a medium's name.
const COPY: &str = "{copy}";

/// The names of each copy's media, that of copy 1 first. Names given on the command line take the place of the configured
/// ones: of all, or of those copies that they name.
pub fn assign(given: &[String], configured: &[String], copies: u32) -> Result<Vec<Vec<String>>> {
    if given.is_empty() {
        return for_each_copy(configured, copies);
    }
    let named: Vec<(Option<u32>, &str)> = given.iter().map(|spec| split(spec)).collect();
    let names = |copy| named.iter().any(|(named, _)| *named == Some(copy));
    if named.iter().any(|(copy, _)| copy.is_none()) || (1..=copies).all(names) {
        return for_each_copy(given, copies);
    }
    let mut others = for_each_copy(configured, copies)?;
    for (copy, media) in (1..=copies).zip(&mut others).filter(|(copy, _)| names(*copy)) {
        *media = of_copy(&named, copy);
    }
    require_known_copies(&named, copies)?;
    Ok(others)
}

/// Splits `copy2=/dev/nst1` into its copy and its medium.
pub fn split(spec: &str) -> (Option<u32>, &str) {
    let copy = spec.strip_prefix("copy").and_then(|rest| rest.split_once('='));
    match copy.and_then(|(copy, medium)| Some((copy.parse().ok()?, medium))) {
        Some((copy, medium)) => (Some(copy), medium),
        None => (None, spec),
    }
}

fn for_each_copy(specs: &[String], copies: u32) -> Result<Vec<Vec<String>>> {
    if specs.is_empty() {
        return Err(Error::NoMedium);
    }
    let named: Vec<(Option<u32>, &str)> = specs.iter().map(|spec| split(spec)).collect();
    require_known_copies(&named, copies)?;
    if copies == 1 {
        return Ok(vec![named.iter().map(|(_, medium)| filled_in(medium, 1)).collect()]);
    }
    let assigned: Vec<Vec<String>> = match named.iter().filter(|(copy, _)| copy.is_some()).count() {
        0 => (1..=copies).map(|copy| by_order(specs, copies, copy)).collect::<Result<_>>()?,
        all if all == named.len() => (1..=copies).map(|copy| of_copy(&named, copy)).collect(),
        _ => return Err(unclear("some are named for a copy, as in copy1=…, and some are not")),
    };
    if let Some((missing, _)) = (1..).zip(&assigned).find(|(_, media)| media.is_empty()) {
        return Err(unclear(format!("none is named for copy {missing}; name one as copy{missing}=…")));
    }
    require_own_names(&assigned)?;
    Ok(assigned)
}

fn of_copy(named: &[(Option<u32>, &str)], copy: u32) -> Vec<String> {
    let of_it = named.iter().filter(|(named, _)| *named == Some(copy));
    of_it.map(|(_, medium)| filled_in(medium, copy)).collect()
}

/// The media of `copy` where none is named for one.
fn by_order(specs: &[String], copies: u32, copy: u32) -> Result<Vec<String>> {
    let with_copy = specs.iter().filter(|spec| spec.contains(COPY)).count();
    match specs {
        all if with_copy == all.len() => Ok(all.iter().map(|spec| filled_in(spec, copy)).collect()),
        _ if with_copy > 0 => Err(unclear(format!("some have {COPY} in their names, and some have not"))),
        [only] if !only.contains(NUMBER) => Ok(vec![only.clone()]),
        [only] => {
            Err(unclear(format!("put {COPY} into the name {only}, or give each copy a name of its own")))
        }
        many if many.len() == copies as usize => {
            Ok(specs.get(copy as usize - 1).cloned().into_iter().collect())
        }
        many => Err(unclear(format!(
            "{} media are named for {copies} copies; name one for each, or say which is which: copy1=…, copy2=…",
            many.len()
        ))),
    }
}

fn filled_in(medium: &str, copy: u32) -> String {
    medium.replace(COPY, &copy.to_string())
}

fn require_known_copies(named: &[(Option<u32>, &str)], copies: u32) -> Result<()> {
    match named.iter().filter_map(|(copy, _)| *copy).find(|copy| !(1..=copies).contains(copy)) {
        Some(copy) => Err(unclear(format!("copy{copy}= is named, but {copies} copies are written"))),
        None => Ok(()),
    }
}

/// Two copies may share a drive, but not the names of volumes that are made by number.
fn require_own_names(assigned: &[Vec<String>]) -> Result<()> {
    for (at, media) in assigned.iter().enumerate() {
        let others = assigned.iter().skip(at + 1).flatten();
        if let Some(twice) = others.filter(|spec| spec.contains(NUMBER)).find(|spec| media.contains(spec)) {
            return Err(unclear(format!("{twice} is the name of volumes of two copies; put {COPY} into it")));
        }
    }
    Ok(())
}

fn unclear(reason: impl Into<String>) -> Error {
    Error::MediaUnclear { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    fn assigned(given: &str, configured: &str, copies: u32) -> Vec<String> {
        let assigned = assign(&words(given), &words(configured), copies).unwrap();
        assigned.into_iter().map(|media| media.join(" ")).collect()
    }

    fn refused(given: &str, configured: &str, copies: u32) -> String {
        let error = assign(&words(given), &words(configured), copies).unwrap_err();
        assert!(matches!(error, Error::MediaUnclear { .. }), "{error}");
        error.to_string()
    }

    #[test]
    fn what_is_clear_is_assigned() {
        assert_eq!(assigned("", "a b-{seq}", 1), ["a b-{seq}"]);
        assert_eq!(assigned("", "copy1=a b-{copy}", 1), ["a b-1"]);
        assert_eq!(assigned("", "/dev/nst0 /dev/nst1", 2), ["/dev/nst0", "/dev/nst1"]);
        assert_eq!(assigned("", "copy2=b copy1=a copy2=c", 2), ["a", "b c"]);
        assert_eq!(assigned("", "v-{copy}-{seq} w-{copy}", 2), ["v-1-{seq} w-1", "v-2-{seq} w-2"]);
        assert_eq!(assigned("", "/dev/nst0", 3), ["/dev/nst0"; 3]);
        assert_eq!(assigned("", "copy1=/dev/nst0 copy2=/dev/nst0", 2), ["/dev/nst0"; 2]);
    }

    #[test]
    fn the_command_line_replaces_all_or_the_copies_that_it_names() {
        assert_eq!(assigned("c d", "a b", 2), ["c", "d"]);
        assert_eq!(assigned("copy2=c", "a b", 2), ["a", "c"]);
        assert_eq!(assigned("copy2=c copy1=d", "", 2), ["d", "c"]);
    }

    #[test]
    fn what_is_not_clear_is_refused_with_a_way_out() {
        assert!(refused("", "a b c", 2).contains("3 media are named for 2 copies"));
        assert!(refused("", "v-{seq}.tap", 2).contains("put {copy} into the name"));
        assert!(refused("", "copy1=a b", 2).contains("some are not"));
        assert!(refused("", "copy1=a", 2).contains("copy2=…"));
        assert!(refused("", "a-{copy} b", 2).contains("some have not"));
        assert!(refused("copy3=a", "a b", 2).contains("copy3= is named"));
        assert!(refused("", "copy2=a", 1).contains("1 copies are written"));
        assert!(refused("", "v-{seq} v-{seq}", 2).contains("two copies"));
        assert!(matches!(assign(&[], &[], 2), Err(Error::NoMedium)));
    }

    #[test]
    fn only_a_number_makes_a_name_one_for_a_copy() {
        assert_eq!(split("copy2=/dev/nst1"), (Some(2), "/dev/nst1"));
        assert_eq!(split("copy/of=it"), (None, "copy/of=it"));
        assert_eq!(split("/mnt/copy1=x"), (None, "/mnt/copy1=x"));
    }
}
