//! What follows from how each service did.

use catalogue::preflight::{Check, Tried};

use super::digests::{Sums, differing};

/// Whether each service that works brings the same bytes twice.
pub fn repeated(services: &[Tried]) -> Vec<Check> {
    let checks = services.iter().filter_map(|tried| {
        let changing = tried.changing?;
        let found = match changing {
            0 => format!("the same study came twice in the same bytes ({} objects)", tried.objects),
            _ => format!(
                "the same study came twice, and {changing} of {} objects had other bytes the second time: the source changes \
                 what it sends, so that digests of this transfer prove what was received, and not what the source will send again",
                tried.objects
            ),
        };
        Some(Check { name: format!("{} twice", tried.service), good: changing == 0, found })
    });
    checks.collect()
}

/// Whether services that work bring the same bytes.
pub fn compared(services: &[Tried], sums: &[Sums]) -> Option<Check> {
    let mut working = services.iter().zip(sums).filter(|(tried, _)| tried.works);
    let ((first, one), (second, other)) = (working.next()?, working.next()?);
    let recoded = one.iter().filter(|(uid, sum)| {
        other.get(*uid).is_some_and(|other| other.transfer_syntax != sum.transfer_syntax)
    });
    let (recoded, differing) = (recoded.count(), differing(one, other));
    let found = match (differing, recoded) {
        (0, _) => "the same bytes".to_owned(),
        (_, 0) => format!("{differing} of {} objects differ, in the same transfer syntax", one.len()),
        _ => format!("{recoded} of {} objects come in another transfer syntax", one.len()),
    };
    let name = format!("{} and {}", first.service, second.service);
    Some(Check { name, good: differing == 0, found })
}

/// The service to ask by, and why. The services are in the order in which they are preferred.
pub fn choice(services: &[Tried]) -> (Option<String>, String) {
    let steady = |tried: &&Tried| tried.works && tried.changing == Some(0);
    let chosen = services.iter().find(steady).or_else(|| services.iter().find(|tried| tried.works));
    let others = |chosen: Option<&Tried>| {
        let others =
            services.iter().filter(|tried| chosen.is_none_or(|chosen| chosen.service != tried.service));
        others.map(told).collect::<Vec<_>>().join("; ")
    };
    match chosen {
        Some(chosen) => {
            let others = others(Some(chosen));
            let others = if others.is_empty() { others } else { format!("; {others}") };
            (Some(chosen.service.clone()), format!("{}{others}", told(chosen)))
        }
        None if services.is_empty() => {
            (None, "there is no study to try it with; run `p2t plan` first".to_owned())
        }
        None => (None, others(None)),
    }
}

fn told(tried: &Tried) -> String {
    let Tried { service, objects, expected, milliseconds, said, .. } = tried;
    if tried.works {
        let changing = match tried.changing {
            Some(changing) if changing > 0 => ", not the same twice",
            _ => "",
        };
        return format!("{service} brought all {objects} objects in {milliseconds:.0} ms{changing}");
    }
    let said = said.as_deref().map(|said| format!(" ({said})")).unwrap_or_default();
    match objects {
        0 => format!("{service} brought none of {expected} objects{said}"),
        _ => format!("{service} brought {objects} of {expected} objects{said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(service: &str, objects: u64, changing: u64) -> Tried {
        let works = objects == 5;
        Tried {
            service: service.to_owned(),
            works,
            objects,
            expected: 5,
            bytes: 100,
            milliseconds: 7.2,
            changing: works.then_some(changing),
            said: (!works).then(|| "no".to_owned()),
            for_good: !works,
        }
    }

    fn chosen(services: &[Tried]) -> Option<String> {
        choice(services).0
    }

    #[test]
    fn the_first_that_is_steady_is_chosen_or_else_the_first_that_works() {
        let (get, shaky, none) = (tried("C-GET", 5, 0), tried("C-GET", 5, 2), tried("C-GET", 0, 0));
        let moved = tried("C-MOVE", 5, 0);
        assert_eq!(chosen(&[get, moved.clone()]).as_deref(), Some("C-GET"));
        assert_eq!(chosen(&[shaky.clone(), moved.clone()]).as_deref(), Some("C-MOVE"));
        assert_eq!(chosen(&[shaky.clone(), tried("C-MOVE", 4, 0)]).as_deref(), Some("C-GET"));
        assert_eq!(chosen(&[none.clone(), moved]).as_deref(), Some("C-MOVE"));
        let (nothing, why) = choice(&[none, tried("C-MOVE", 4, 0)]);
        assert_eq!(nothing, None);
        assert_eq!(why, "C-GET brought none of 5 objects (no); C-MOVE brought 4 of 5 objects (no)");
        assert!(!repeated(&[shaky])[0].good);
    }
}
