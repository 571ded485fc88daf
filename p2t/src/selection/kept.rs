//! The selections by which the plan was filled, kept for its deltas: a delta is run for months, by whoever is there, and must
//! not take what nobody has selected because an option was left out.

use archive::Exclusions;
use catalogue::Catalogue;
use job::config::{ExcludeConfig, SelectionConfig};
use serde::{Deserialize, Serialize};

use super::{SELECTION, joined, notes_of, words};
use crate::error::{Error, Result};

/// The catalogue's key for it.
const KEPT: &str = "kept_selection";

/// What was selected, run by run; several plans add up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// What the configuration selected when the last plan was made.
    configured: SelectionConfig,
    /// What plans selected, options included, the oldest first.
    planned: Vec<SelectionConfig>,
    /// What they left out, by names.
    excluded: Vec<ExcludeConfig>,
}

impl Kept {
    pub fn read(catalogue: &Catalogue) -> Result<Self> {
        match catalogue.job(KEPT)? {
            Some(text) => serde_json::from_str(&text).map_err(Error::KeptSelection),
            None => Ok(Self::default()),
        }
    }

    fn keep(&self, catalogue: &mut Catalogue) -> Result<()> {
        let text = serde_json::to_string(self).map_err(Error::KeptSelection)?;
        Ok(catalogue.set_job(KEPT, &text)?)
    }

    /// Keeps what a plan selects, before it lists anything.
    pub fn plan(
        catalogue: &mut Catalogue,
        configured: &SelectionConfig,
        meant: &SelectionConfig,
        readmit: bool,
    ) -> Result<()> {
        let mut kept = Self::read(catalogue)?;
        kept.configured = taken(configured);
        let taken = taken(meant);
        if !kept.planned.contains(&taken) {
            kept.planned.push(taken);
        }
        kept.exclude(meant, readmit);
        kept.keep(catalogue)
    }

    fn exclude(&mut self, meant: &SelectionConfig, readmit: bool) {
        if readmit {
            self.excluded.clear();
        }
        if !meant.exclude.is_empty() && !self.excluded.contains(&meant.exclude) {
            self.excluded.push(meant.exclude.clone());
        }
    }

    /// What a delta lists: all that was planned if nothing is given, or that of it which is given.
    ///
    /// # Errors
    /// [`Error::OtherSelection`] if what is given, or configured since, was never planned.
    pub fn delta(
        catalogue: &mut Catalogue,
        configured: &SelectionConfig,
        meant: &SelectionConfig,
        readmit: bool,
    ) -> Result<Vec<SelectionConfig>> {
        let mut kept = Self::read(catalogue)?;
        let given = taken(meant);
        let is_as_then = given == taken(configured) && given == kept.configured;
        let chosen = match &kept.planned[..] {
            // It was planned by a program that kept words alone.
            [] => notes_of(catalogue)?.is_none_or(|noted| noted.contains(&words(meant))).then(|| vec![given]),
            planned if is_as_then => Some(planned.to_vec()),
            planned => planned.contains(&given).then(|| vec![given]),
        };
        let Some(chosen) = chosen else {
            let planned = catalogue.job(SELECTION)?.unwrap_or_else(|| joined(kept.planned.iter().map(words)));
            return Err(Error::OtherSelection { given: words(meant), planned });
        };
        kept.exclude(meant, readmit);
        kept.keep(catalogue)?;
        let proving = |selection| SelectionConfig { prove: meant.prove, ..selection };
        Ok(chosen.into_iter().map(proving).collect())
    }

    /// What is left out by all plans and deltas until now.
    pub fn exclusions(catalogue: &Catalogue) -> Result<Exclusions> {
        let lists = Self::read(catalogue)?.excluded;
        lists.iter().try_fold(Exclusions::default(), |all, list| Ok(all.and(Exclusions::read(list)?)))
    }
}

/// What of a selection decides which studies are taken; what leaves out, orders and waits is for each run to say.
fn taken(selection: &SelectionConfig) -> SelectionConfig {
    let SelectionConfig { exclude, order, patient_list, min_age_hours, settle_minutes, prove, .. } =
        SelectionConfig::default();
    SelectionConfig {
        exclude,
        order,
        patient_list,
        min_age_hours,
        settle_minutes,
        prove,
        ..selection.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(modality: &str) -> SelectionConfig {
        SelectionConfig { modalities: vec![modality.to_owned()], ..SelectionConfig::default() }
    }

    fn lab() -> (Catalogue, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        (Catalogue::open(&dir.path().join("catalogue")).unwrap(), dir)
    }

    #[test]
    fn a_delta_without_options_lists_what_was_planned_with_them() {
        let (mut catalogue, _dir) = lab();
        let all = SelectionConfig::default();
        Kept::plan(&mut catalogue, &all, &of("CT"), false).unwrap();
        let delta = |catalogue: &mut Catalogue, configured: &SelectionConfig, meant: &SelectionConfig| {
            Kept::delta(catalogue, configured, meant, false)
        };
        assert_eq!(delta(&mut catalogue, &all, &all).unwrap(), [of("CT")]);
        let ordered = SelectionConfig { settle_minutes: 9, prove: true, ..all.clone() };
        assert!(delta(&mut catalogue, &ordered, &ordered).unwrap()[0].prove);
        assert_eq!(delta(&mut catalogue, &all, &of("CT")).unwrap(), [of("CT")]);
        Kept::plan(&mut catalogue, &all, &of("MR"), false).unwrap();
        Kept::plan(&mut catalogue, &all, &of("CT"), false).unwrap();
        assert_eq!(delta(&mut catalogue, &all, &all).unwrap(), [of("CT"), of("MR")]);
        assert_eq!(delta(&mut catalogue, &all, &of("MR")).unwrap(), [of("MR")]);
    }

    #[test]
    fn a_selection_that_was_not_planned_is_refused_wherever_it_is_given() {
        let (mut catalogue, _dir) = lab();
        let all = SelectionConfig::default();
        Kept::plan(&mut catalogue, &of("CT"), &of("CT"), false).unwrap();
        for (configured, meant, said) in [
            (of("CT"), of("MR"), "modalities MR"),
            (of("MR"), of("MR"), "modalities MR"),
            (all.clone(), all, "everything"),
        ] {
            let error = Kept::delta(&mut catalogue, &configured, &meant, false).err().unwrap();
            assert_eq!(error.exit_code(), job::ExitCode::Usage);
            let text = error.to_string();
            assert!(text.contains(said) && text.contains("modalities CT"), "{text}");
        }
    }

    #[test]
    fn what_was_planned_before_selections_were_kept_is_told_by_its_words() {
        let (mut catalogue, _dir) = lab();
        crate::selection::note(&mut catalogue, &of("CT")).unwrap();
        let all = SelectionConfig::default();
        let error = Kept::delta(&mut catalogue, &all, &all, false).err().unwrap().to_string();
        assert!(error.contains("everything") && error.contains("modalities CT"), "{error}");
        assert_eq!(Kept::delta(&mut catalogue, &all, &of("CT"), false).unwrap(), [of("CT")]);
    }

    #[test]
    fn what_was_left_out_is_left_out_of_what_comes_later_until_it_is_readmitted() {
        let (mut catalogue, _dir) = lab();
        let all = SelectionConfig::default();
        let without = |patient: &str| {
            let exclude = ExcludeConfig { patient_ids: vec![patient.to_owned()], ..ExcludeConfig::default() };
            SelectionConfig { exclude, ..SelectionConfig::default() }
        };
        Kept::plan(&mut catalogue, &all, &without("A"), false).unwrap();
        let excluded = |catalogue: &mut Catalogue, meant: &SelectionConfig, readmit| {
            Kept::delta(catalogue, &all, meant, readmit).unwrap();
            Kept::exclusions(catalogue).unwrap().config().patient_ids
        };
        assert_eq!(excluded(&mut catalogue, &all, false), ["A"]);
        assert_eq!(excluded(&mut catalogue, &without("B"), false), ["A", "B"]);
        assert_eq!(excluded(&mut catalogue, &all, false), ["A", "B"]);
        assert_eq!(excluded(&mut catalogue, &without("B"), true), ["B"]);
        assert_eq!(excluded(&mut catalogue, &all, false), ["B"]);
    }
}
