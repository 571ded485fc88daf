//! Reasons, counted: the kinds that come first are kept, with a few examples each, so that memory stays bounded even
//! if every reason is different.

use std::collections::HashMap;

use crate::human::{count, text};
use crate::{ReasonGroup, Verdict};

const EXAMPLES: usize = 5;
const LONGEST: usize = 500;
const OTHER: &str = "further reasons, see the file of instances";

/// Groups of what shares a verdict and a reason.
pub struct Groups {
    groups: HashMap<(Verdict, String), Group>,
    most: usize,
}

#[derive(Default)]
struct Group {
    count: u64,
    examples: Vec<String>,
}

impl Groups {
    /// Keeps at most `most` reasons apart.
    pub fn new(most: usize) -> Self {
        Self { groups: HashMap::new(), most }
    }

    /// Counts `count` more, one of them the example.
    pub fn add(&mut self, verdict: Verdict, reason: &str, count: u64, example: &str) {
        let mut key = (verdict, text(reason, LONGEST));
        if self.groups.len() >= self.most && !self.groups.contains_key(&key) {
            OTHER.clone_into(&mut key.1);
        }
        let group = self.groups.entry(key).or_default();
        group.count += count;
        if group.examples.len() < EXAMPLES {
            group.examples.push(text(example, LONGEST));
        }
    }

    /// Takes over another's groups.
    pub fn merge(&mut self, other: Self) {
        for ((verdict, reason), Group { count, examples }) in other.groups {
            let first = examples.first().cloned().unwrap_or_default();
            self.add(verdict, &reason, count, &first);
            if let Some(group) = self.groups.get_mut(&(verdict, reason)) {
                let room = EXAMPLES.saturating_sub(group.examples.len());
                group.examples.extend(examples.into_iter().skip(1).take(room));
            }
        }
    }

    /// How many have a verdict.
    pub fn count(&self, verdict: Verdict) -> u64 {
        self.groups.iter().filter(|((of, _), _)| *of == verdict).map(|(_, group)| group.count).sum()
    }

    /// Short sentences such as `3 FAILED: A700H`, the most frequent first.
    pub fn into_sentences(self) -> Vec<String> {
        let groups = self.into_groups().into_iter();
        groups
            .map(|group| format!("{} {}: {}", count(group.count), group.verdict.word(), group.reason))
            .collect()
    }

    /// The groups, the largest first.
    pub fn into_groups(self) -> Vec<ReasonGroup> {
        let mut groups: Vec<ReasonGroup> = self
            .groups
            .into_iter()
            .map(|((verdict, reason), Group { count, examples })| ReasonGroup {
                verdict,
                reason,
                count,
                examples,
            })
            .collect();
        groups.sort_by(|a, b| (b.count, b.verdict, &a.reason).cmp(&(a.count, a.verdict, &b.reason)));
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_reasons_than_are_kept_apart_are_still_counted() {
        let mut groups = Groups::new(2);
        for n in 0..100 {
            groups.add(Verdict::Failed, &format!("reason {n}"), 2, &format!("1.2.{n}"));
        }
        assert_eq!(groups.count(Verdict::Failed), 200);
        let groups = groups.into_groups();
        assert_eq!(groups.len(), 3);
        assert_eq!((groups[0].reason.as_str(), groups[0].count), (OTHER, 196));
        assert_eq!(groups[0].examples.len(), EXAMPLES);
    }
}
