//! Which studies of the plan are left out or wait, and in which order the others go.

use archive::{Exclusions, patient_list};
use catalogue::choice::{PlanOrder, Ruling};
use catalogue::{Catalogue, PlanPosition, PlannedStudy, StudyRow};
use jiff::civil::{Date, Time};
use jiff::{SignedDuration, Timestamp};
use job::config::SelectionConfig;
use pace::Zone;

use crate::error::Result;

/// Studies that are decided about in one transaction.
const PAGE: usize = 500;
/// How a reason begins that the source may take back at any time.
const STATUS: &str = "left out: its status at the source is ";
/// How the reason begins for which a young study waits.
const YOUNG: &str = "younger than ";

/// Everything that decides about studies that are listed.
pub struct Rules {
    exclusions: Exclusions,
    status: Vec<String>,
    min_age_hours: u32,
    settle: SignedDuration,
    zone: Zone,
    order: Option<PlanOrder>,
    /// The patients that go first, where a list of them is given.
    patients: Option<Vec<String>>,
    /// Whether what was left out before is taken again where nothing leaves it out now.
    readmit: bool,
}

impl Rules {
    /// Reads all lists.
    pub fn read(selection: &SelectionConfig, zone: &Zone, readmit: bool) -> Result<Self> {
        let patients = selection.patient_list.as_deref().map(patient_list).transpose()?;
        Ok(Self {
            exclusions: Exclusions::read(&selection.exclude)?,
            status: selection.study_status.clone(),
            min_age_hours: selection.min_age_hours,
            settle: settle(selection),
            zone: zone.clone(),
            order: selection.order,
            patients,
            readmit,
        })
    }

    /// The same, leaving out these.
    pub fn excluding(self, exclusions: Exclusions) -> Self {
        Self { exclusions, ..self }
    }

    /// How long a study must stay without a change, once one was seen.
    pub fn settle(&self) -> SignedDuration {
        self.settle
    }

    /// Why a study of these keys is left out by a list.
    pub fn exclusion(&self, study: &StudyRow) -> Option<&str> {
        self.exclusions.reason(study)
    }

    /// Decides about every study of the plan, and puts the plan in order. The order of the last plan stays where none is given.
    pub fn apply(&self, catalogue: &mut Catalogue, now: Timestamp) -> Result<()> {
        let mut after = PlanPosition::default();
        loop {
            let page = catalogue.studies(after, PAGE)?;
            let Some(last) = page.last() else { break };
            after = last.position;
            let rulings: Vec<Ruling> = page.iter().filter_map(|study| self.ruling(study, now)).collect();
            catalogue.rule(&rulings)?;
        }
        if let Some(patients) = &self.patients {
            catalogue.set_first_patients(patients.iter().map(String::as_str))?;
        }
        if let Some(order) = self.order {
            catalogue.set_plan_order(order)?;
        }
        Ok(catalogue.put_in_order()?)
    }

    /// None where nothing is to be changed.
    fn ruling(&self, planned: &PlannedStudy, now: Timestamp) -> Option<Ruling> {
        let excluded = self.excluded(planned);
        let waits = if excluded.is_some() { None } else { self.waits(planned, now) };
        let is_news = excluded.is_some() || planned.excluded.is_some() || waits.is_some();
        is_news.then_some(Ruling { study: planned.id, excluded, waits })
    }

    /// A list that is not given any more takes nothing back: leaving out is often somebody's right.
    fn excluded(&self, planned: &PlannedStudy) -> Option<String> {
        if let Some(reason) = self.exclusion(&planned.study) {
            return Some(reason.to_owned());
        }
        let status = planned.study.status.as_deref().map(str::trim).filter(|status| !status.is_empty());
        if let Some(status) = status
            && !self.status.is_empty()
            && !self.status.iter().any(|wanted| wanted.trim() == status)
        {
            return Some(format!("{STATUS}{status}"));
        }
        let has_other_status = |reason: &str| reason.starts_with(STATUS) && !self.status.is_empty();
        planned.excluded.clone().filter(|reason| !self.readmit && !has_other_status(reason))
    }

    fn waits(&self, planned: &PlannedStudy, now: Timestamp) -> Option<(Timestamp, String)> {
        let age = SignedDuration::from_hours(self.min_age_hours.into());
        let old_at = self.made_before(&planned.study, now).and_then(|made| made.checked_add(age).ok());
        match old_at {
            Some(old_at) if old_at > now && self.min_age_hours > 0 => {
                Some((old_at, format!("{YOUNG}{} hours", self.min_age_hours)))
            }
            // The rule was another one before: it is to be looked at as if the time had passed.
            _ => {
                let (until, reason) = planned.waits_until.zip(planned.waits_for.clone())?;
                (reason.starts_with(YOUNG) && until > now).then_some((now, reason))
            }
        }
    }

    /// The moment at which a study was made at the latest, by its date and time; the end of its day where it tells no time.
    /// None without a date, and for one that lies more than a day ahead, because such a date says nothing about age.
    fn made_before(&self, study: &StudyRow, now: Timestamp) -> Option<Timestamp> {
        let day = Date::strptime("%Y%m%d", study.study_date.as_deref()?.trim()).ok()?;
        if day > self.zone.day(now).tomorrow().ok()? {
            return None;
        }
        let reading = match study.study_time.as_deref().and_then(time) {
            Some(time) => day.to_datetime(time),
            None => day.tomorrow().ok()?.to_datetime(Time::midnight()),
        };
        self.zone.moment(reading)
    }
}

/// How long a study must stay without a change, once one was seen.
pub fn settle(selection: &SelectionConfig) -> SignedDuration {
    SignedDuration::from_mins(selection.settle_minutes.into())
}

/// A time as DICOM writes it (PS3.5 section 6.2, TM): hours, minutes and seconds, from the right left out.
fn time(text: &str) -> Option<Time> {
    let digits: String = text.trim().split('.').next()?.chars().filter(|c| *c != ':').collect();
    let part = |from: usize| digits.get(from..from + 2).map_or(Some(0), |two| two.parse::<i8>().ok());
    if digits.len() < 2 {
        return None;
    }
    Time::new(part(0)?, part(2)?, part(4)?.min(59), 0).ok()
}

#[cfg(test)]
mod tests {
    use catalogue::plan::InstanceRow;
    use catalogue::{InstanceState, StudyId, StudyListing};
    use job::config::ExcludeConfig;

    use super::*;

    const NOW: &str = "2026-12-01T12:00:00Z";

    struct Lab {
        catalogue: Catalogue,
        _dir: tempfile::TempDir,
    }

    /// Dates and patients of studies 1, 2, 3 …
    fn lab(studies: &[(&str, &str, &str)]) -> Lab {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::open(&dir.path().join("catalogue.sqlite")).unwrap();
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let rows = studies.iter().enumerate().map(|(at, (date, time, patient))| StudyRow {
            uid: format!("1.{}", at + 1),
            study_date: text(date),
            study_time: text(time),
            patient_id: text(patient),
            ..StudyRow::default()
        });
        catalogue.upsert_studies(rows).unwrap();
        Lab { catalogue, _dir: dir }
    }

    impl Lab {
        fn apply(&mut self, selection: &SelectionConfig, readmit: bool) {
            let zone = Zone::named("Europe/Berlin").unwrap();
            let rules = Rules::read(selection, &zone, readmit).unwrap();
            rules.apply(&mut self.catalogue, NOW.parse().unwrap()).unwrap();
            assert!(self.catalogue.balance(catalogue::balance::Stage::Export).unwrap().holds());
        }

        fn studies(&self) -> Vec<PlannedStudy> {
            self.catalogue.studies(PlanPosition::default(), 100).unwrap()
        }

        fn order(&self) -> Vec<String> {
            self.studies().into_iter().map(|study| study.study.uid).collect()
        }

        fn study(&self, uid: &str) -> PlannedStudy {
            self.studies().into_iter().find(|study| study.study.uid == uid).unwrap()
        }

        fn enumerate(&mut self, id: StudyId) {
            let sop_instance = format!("{id}.1");
            let row = InstanceRow { series_uid: "1".into(), sop_instance, ..InstanceRow::default() };
            self.catalogue.record_instances(id, [row]).unwrap();
        }

        fn count(&self, wanted: InstanceState) -> u64 {
            let states = self.catalogue.instance_states().unwrap();
            states.iter().find(|(state, _)| *state == wanted).map_or(0, |(_, count)| *count)
        }
    }

    fn excluding(patient: &str) -> SelectionConfig {
        let exclude = ExcludeConfig { patient_ids: vec![patient.to_owned()], ..ExcludeConfig::default() };
        SelectionConfig { exclude, ..SelectionConfig::default() }
    }

    #[test]
    fn studies_go_in_the_order_that_is_asked_for_and_keep_it() {
        let studies = [
            ("20260101", "", "A"),
            ("", "", "B"),
            ("20260301", "0800", "C"),
            ("20260301", "120000.5", "A"),
            ("2025.06.01", "", "B"),
            ("unknown", "", "B"),
            ("20260301", "", "D"),
        ];
        let mut lab = lab(&studies);
        let ordered = |order| SelectionConfig { order: Some(order), ..SelectionConfig::default() };
        let uids = |numbers: [u8; 7]| numbers.map(|number| format!("1.{number}")).to_vec();
        lab.apply(&ordered(PlanOrder::Newest), false);
        assert_eq!(lab.order(), uids([4, 3, 7, 1, 5, 2, 6]));
        lab.apply(&ordered(PlanOrder::Oldest), false);
        assert_eq!(lab.order(), uids([5, 1, 3, 4, 7, 2, 6]));
        // What comes later is put in its place by the same order.
        let late = StudyRow { uid: "1.8".into(), study_date: Some("20260201".into()), ..StudyRow::default() };
        lab.catalogue.upsert_studies([late]).unwrap();
        lab.apply(&SelectionConfig::default(), false);
        assert_eq!(lab.order()[..3], ["1.5", "1.1", "1.8"]);
        lab.apply(&ordered(PlanOrder::Listed), false);
        assert_eq!(lab.order()[..7], uids([1, 2, 3, 4, 5, 6, 7]));
    }

    #[test]
    fn the_patients_of_a_list_go_first_each_with_all_studies() {
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("patients.csv");
        std::fs::write(&list, "Name,Patient ID\nx,B\ny,A\nz,B\n").unwrap();
        let studies = [
            ("20260101", "", "A"),
            ("", "", "B"),
            ("20260401", "", "C"),
            ("20260301", "", " A "),
            ("20250601", "", "B"),
        ];
        let mut lab = lab(&studies);
        let selection = SelectionConfig {
            order: Some(PlanOrder::PatientList),
            patient_list: Some(list),
            ..SelectionConfig::default()
        };
        lab.apply(&selection, false);
        assert_eq!(lab.order(), ["1.5", "1.2", "1.4", "1.1", "1.3"]);
        lab.apply(&SelectionConfig::default(), false);
        assert_eq!(lab.order(), ["1.5", "1.2", "1.4", "1.1", "1.3"]);
    }

    #[test]
    fn what_a_list_leaves_out_stays_so_until_it_is_readmitted() {
        let mut lab = lab(&[("20260101", "", "A"), ("20260101", "", "B")]);
        let [first, second] = ["1.1", "1.2"].map(|uid| lab.study(uid).id);
        lab.enumerate(first);
        lab.apply(&excluding("A"), false);
        assert_eq!((lab.count(InstanceState::Excluded), lab.count(InstanceState::Pending)), (1, 0));
        assert!(lab.study("1.1").excluded.unwrap().contains("its patient"));
        let to_list = |lab: &Lab| lab.catalogue.studies_not_enumerated(PlanPosition::default(), 9).unwrap();
        assert_eq!(to_list(&lab).iter().map(|study| study.id).collect::<Vec<_>>(), [second]);
        // Another list does not take it back, nor does none.
        for selection in [excluding("B"), SelectionConfig::default()] {
            lab.apply(&selection, false);
            assert!(lab.study("1.1").excluded.is_some() && lab.study("1.2").excluded.is_some());
        }
        assert_eq!(to_list(&lab).len(), 0);
        let balance = lab.catalogue.balance(catalogue::balance::Stage::Export).unwrap();
        assert_eq!((balance.studies.excluded, balance.studies.pending, balance.studies.failed), (2, 0, 0));
        lab.apply(&excluding("B"), true);
        assert_eq!((lab.study("1.1").excluded, lab.count(InstanceState::Pending)), (None, 1));
        assert!(lab.study("1.2").excluded.is_some());
    }

    #[test]
    fn a_status_leaves_out_only_where_it_is_told_and_as_long_as_it_is() {
        let mut lab = lab(&[("20260101", "", "A"), ("20260101", "", "B"), ("20260101", "", "C")]);
        let tell = |lab: &mut Lab, uid: &str, status: &str| {
            let row = StudyRow { uid: uid.into(), status: Some(status.into()), ..StudyRow::default() };
            lab.catalogue.upsert_studies([row]).unwrap();
        };
        tell(&mut lab, "1.1", "STARTED");
        tell(&mut lab, "1.2", "VERIFIED ");
        let wanted = SelectionConfig {
            study_status: vec!["VERIFIED".into(), "READ".into()],
            ..SelectionConfig::default()
        };
        let excluded = |lab: &Lab| ["1.1", "1.2", "1.3"].map(|uid| lab.study(uid).excluded.is_some());
        lab.apply(&wanted, false);
        assert_eq!(excluded(&lab), [true, false, false]);
        assert_eq!(lab.study("1.1").excluded.unwrap(), "left out: its status at the source is STARTED");
        lab.apply(&SelectionConfig::default(), false);
        assert_eq!(excluded(&lab), [true, false, false]);
        tell(&mut lab, "1.1", "READ");
        lab.apply(&wanted, false);
        assert_eq!(excluded(&lab), [false; 3]);
    }

    #[test]
    fn a_young_study_waits_in_the_sources_zone_and_one_of_unknown_age_does_not() {
        // It is 13:00 in Berlin.
        let mut lab = lab(&[
            ("20261130", "130001", "A"),
            ("20261130", "125959", "A"),
            ("20261130", "", "A"),
            ("", "", "A"),
            ("20991231", "", "A"),
            ("20261129", "", "A"),
        ]);
        let selection = SelectionConfig { min_age_hours: 24, ..SelectionConfig::default() };
        lab.apply(&selection, false);
        let until = |lab: &Lab| -> Vec<Option<String>> {
            let mut studies = lab.studies();
            studies.sort_by(|a, b| a.study.uid.cmp(&b.study.uid));
            studies.iter().map(|study| study.waits_until.map(|at| at.to_string())).collect()
        };
        let text = |text: &str| Some(text.to_owned());
        let (first, third) = (text("2026-12-01T12:00:01Z"), text("2026-12-01T23:00:00Z"));
        assert_eq!(until(&lab), [first, None, third, None, None, None]);
        let waiting = lab.catalogue.waiting_studies().unwrap();
        assert_eq!((waiting.len(), waiting[0].studies), (1, 2));
        assert_eq!(waiting[0].reason, "younger than 24 hours");
        // Not fetched, and pending.
        for study in lab.studies() {
            lab.enumerate(study.id);
        }
        let to_fetch = lab.catalogue.studies_to_fetch(PlanPosition::default(), 9).unwrap();
        assert_eq!((to_fetch.len(), lab.count(InstanceState::Pending)), (4, 6));
        assert!(to_fetch.iter().all(|study| study.listing == StudyListing::Enumerated));
        // Without the rule they wait no longer than until they are looked at again.
        lab.apply(&SelectionConfig::default(), false);
        assert_eq!(until(&lab)[0], text(NOW));
    }

    #[test]
    fn times_are_read_as_dicom_writes_them() {
        let at = |hour, minute, second| Time::new(hour, minute, second, 0).ok();
        assert_eq!(time("08"), at(8, 0, 0));
        assert_eq!(time(" 0815 "), at(8, 15, 0));
        assert_eq!(time("081530.123456"), at(8, 15, 30));
        assert_eq!(time("08:15:30"), at(8, 15, 30));
        assert_eq!(time("235960"), at(23, 59, 59));
        for wrong in ["", "8", "25", "0861", "noon"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }
}
