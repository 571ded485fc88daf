//! Which storage contexts to propose so that a PACS can send every object in the syntax that it holds.

use std::collections::BTreeSet;

use catalogue::capture::PendingInstance;
use dimse::{MAX_CONTEXTS, Proposal};

/// Syntaxes that archives really hold images in; one context each.
pub const USUAL_SYNTAXES: [&str; 17] = [
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
    "1.2.840.10008.1.2.4.102",
];

/// SOP classes to propose when the PACS does not tell an instance's class: CR, DX, MG, CT, MR, US, SC, XA, NM, PT,
/// their multi-frame forms, reports, presentation states, documents and radiotherapy.
const COMMON_CLASSES: [&str; 27] = [
    "1.2.840.10008.5.1.4.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2",
    "1.2.840.10008.5.1.4.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1",
    "1.2.840.10008.5.1.4.1.1.6.1",
    "1.2.840.10008.5.1.4.1.1.3.1",
    "1.2.840.10008.5.1.4.1.1.7",
    "1.2.840.10008.5.1.4.1.1.7.2",
    "1.2.840.10008.5.1.4.1.1.7.4",
    "1.2.840.10008.5.1.4.1.1.12.1",
    "1.2.840.10008.5.1.4.1.1.13.1.3",
    "1.2.840.10008.5.1.4.1.1.20",
    "1.2.840.10008.5.1.4.1.1.128",
    "1.2.840.10008.5.1.4.1.1.88.11",
    "1.2.840.10008.5.1.4.1.1.88.22",
    "1.2.840.10008.5.1.4.1.1.88.33",
    "1.2.840.10008.5.1.4.1.1.88.59",
    "1.2.840.10008.5.1.4.1.1.88.67",
    "1.2.840.10008.5.1.4.1.1.11.1",
    "1.2.840.10008.5.1.4.1.1.104.1",
    "1.2.840.10008.5.1.4.1.1.481.1",
    "1.2.840.10008.5.1.4.1.1.481.2",
    "1.2.840.10008.5.1.4.1.1.481.3",
    "1.2.840.10008.5.1.4.1.1.481.5",
];

/// SOP classes to propose besides where one syntax alone leaves room for them: waveforms, raw data, registrations and
/// segmentations, visible light and video, ophthalmology, spectroscopy, converted multi-frame, and rarer radiotherapy.
const RARE_CLASSES: [&str; 39] = [
    "1.2.840.10008.5.1.4.1.1.1.1.1",
    "1.2.840.10008.5.1.4.1.1.1.2.1",
    "1.2.840.10008.5.1.4.1.1.1.3",
    "1.2.840.10008.5.1.4.1.1.2.2",
    "1.2.840.10008.5.1.4.1.1.3",
    "1.2.840.10008.5.1.4.1.1.4.2",
    "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.6",
    "1.2.840.10008.5.1.4.1.1.6.2",
    "1.2.840.10008.5.1.4.1.1.7.1",
    "1.2.840.10008.5.1.4.1.1.7.3",
    "1.2.840.10008.5.1.4.1.1.9.1.1",
    "1.2.840.10008.5.1.4.1.1.9.1.2",
    "1.2.840.10008.5.1.4.1.1.9.1.3",
    "1.2.840.10008.5.1.4.1.1.9.2.1",
    "1.2.840.10008.5.1.4.1.1.11.2",
    "1.2.840.10008.5.1.4.1.1.12.1.1",
    "1.2.840.10008.5.1.4.1.1.12.2",
    "1.2.840.10008.5.1.4.1.1.13.1.1",
    "1.2.840.10008.5.1.4.1.1.66",
    "1.2.840.10008.5.1.4.1.1.66.1",
    "1.2.840.10008.5.1.4.1.1.66.3",
    "1.2.840.10008.5.1.4.1.1.66.4",
    "1.2.840.10008.5.1.4.1.1.66.5",
    "1.2.840.10008.5.1.4.1.1.77.1.1",
    "1.2.840.10008.5.1.4.1.1.77.1.1.1",
    "1.2.840.10008.5.1.4.1.1.77.1.2",
    "1.2.840.10008.5.1.4.1.1.77.1.4",
    "1.2.840.10008.5.1.4.1.1.77.1.4.1",
    "1.2.840.10008.5.1.4.1.1.77.1.5.1",
    "1.2.840.10008.5.1.4.1.1.77.1.5.4",
    "1.2.840.10008.5.1.4.1.1.77.1.6",
    "1.2.840.10008.5.1.4.1.1.88.34",
    "1.2.840.10008.5.1.4.1.1.104.2",
    "1.2.840.10008.5.1.4.1.1.128.1",
    "1.2.840.10008.5.1.4.1.1.130",
    "1.2.840.10008.5.1.4.1.1.481.4",
    "1.2.840.10008.5.1.4.1.1.481.7",
    "1.2.840.10008.5.1.4.1.1.481.8",
];

/// A group of instances that fit into one association, with the contexts for them.
pub struct Group<'a> {
    pub wanted: Vec<&'a PendingInstance>,
    pub proposals: Vec<Proposal>,
}

/// Groups instances by SOP class so that each group's contexts in all of `syntaxes`, with one for C-GET itself, fit into
/// one association.
pub fn groups<'a>(wanted: &'a [PendingInstance], syntaxes: &[&str]) -> Vec<Group<'a>> {
    let per_association = ((MAX_CONTEXTS - 1) / syntaxes.len().max(1)).max(1);
    let classes: BTreeSet<&str> =
        wanted.iter().filter_map(|instance| instance.sop_class.as_deref()).collect();
    let classes: Vec<&str> = classes.into_iter().collect();
    let known = classes.chunks(per_association).map(|classes| {
        let of_class = |instance: &&PendingInstance| {
            instance.sop_class.as_deref().is_some_and(|class| classes.contains(&class))
        };
        Group { wanted: wanted.iter().filter(of_class).collect(), proposals: proposals(classes, syntaxes) }
    });
    let mut groups: Vec<Group<'a>> = known.collect();
    let unknown: Vec<&PendingInstance> =
        wanted.iter().filter(|instance| instance.sop_class.is_none()).collect();
    if !unknown.is_empty() {
        let rare: &[&str] = if syntaxes.len() == 1 { &RARE_CLASSES } else { &[] };
        let likely = [&COMMON_CLASSES, rare].concat();
        groups.extend(
            likely
                .chunks(per_association)
                .map(|classes| Group { wanted: unknown.clone(), proposals: proposals(classes, syntaxes) }),
        );
    }
    groups
}

fn proposals(classes: &[&str], syntaxes: &[&str]) -> Vec<Proposal> {
    let storage = classes.iter().flat_map(|class| syntaxes.iter().map(|syntax| Proposal::scp(class, syntax)));
    std::iter::once(Proposal::get()).chain(storage).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(class: Option<&str>) -> PendingInstance {
        PendingInstance {
            id: catalogue::InstanceId::default(),
            series_uid: "1.2".into(),
            sop_instance: "1.2.3".into(),
            sop_class: class.map(str::to_owned),
            source_ref: None,
            bytes: None,
        }
    }

    #[test]
    fn every_group_fits_into_an_association_and_every_instance_is_in_one() {
        let wanted: Vec<_> = (0..40).map(|class| instance(Some(&format!("1.2.{class}")))).collect();
        for syntaxes in [&USUAL_SYNTAXES, dataset::TRANSFER_SYNTAXES, &["1.2.840.10008.1.2"]] {
            let groups = groups(&wanted, syntaxes);
            assert!(groups.iter().all(|group| group.proposals.len() <= MAX_CONTEXTS));
            assert_eq!(groups.iter().map(|group| group.wanted.len()).sum::<usize>(), wanted.len());
        }
    }

    #[test]
    fn an_instance_of_unknown_class_is_tried_with_every_common_one() {
        let wanted = [instance(None)];
        let contexts = |syntaxes: &[&str]| -> usize {
            groups(&wanted, syntaxes).iter().map(|group| group.proposals.len() - 1).sum()
        };
        assert_eq!(contexts(&USUAL_SYNTAXES), COMMON_CLASSES.len() * USUAL_SYNTAXES.len());
        assert_eq!(contexts(&["1.2.840.10008.1.2"]), COMMON_CLASSES.len() + RARE_CLASSES.len());
    }

    #[test]
    fn no_class_is_proposed_twice() {
        let classes: BTreeSet<&str> = COMMON_CLASSES.into_iter().chain(RARE_CLASSES).collect();
        assert_eq!(classes.len(), COMMON_CLASSES.len() + RARE_CLASSES.len());
        assert!(classes.iter().all(|uid| dataset::is_valid_uid(uid)));
    }
}
