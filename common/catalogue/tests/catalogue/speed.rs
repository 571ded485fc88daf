//! 200,000 instances through every stage: prints rates and memory. Only their order of magnitude could be asserted,
//! so nothing is but the result.

use std::time::Instant;

use catalogue::answers::StoreResult;
use catalogue::balance::Stage;
use catalogue::capture::CaptureKey;
use catalogue::pack::{Budget, Member, ObjectCursor, Readiness};
use catalogue::write::Commit;
use catalogue::{InstanceId, PlanPosition};

use crate::lab::{Lab, captured, instance_row, object_row, segment, study_row};

const STUDIES: u64 = 400;
const INSTANCES: u64 = 500;

fn rate(what: &str, begun: Instant) {
    let seconds = begun.elapsed().as_secs_f64();
    println!("{what:>24}: {:>9.0} instances/s", (STUDIES * INSTANCES) as f64 / seconds);
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM unknown").to_owned()
}

#[test]
fn two_hundred_thousand_instances_to_a_volume() {
    let mut lab = Lab::new();
    let begun = Instant::now();
    for study in 0..STUDIES {
        let id = lab.listed(&study_row(study)).0;
        lab.catalogue.record_instances(id, (0..INSTANCES).map(|n| instance_row(study, n))).unwrap();
    }
    rate("listed", begun);

    let begun = Instant::now();
    let intake = lab.catalogue.open_intake().unwrap().id;
    let mut after = PlanPosition::default();
    while let Some(study) = lab.catalogue.studies_to_fetch(after, 1).unwrap().pop() {
        after = study.position;
        let pending = lab.catalogue.pending_instances(study.id, InstanceId::default(), 1_000).unwrap();
        let batch: Vec<_> = pending
            .iter()
            .map(|row| captured(CaptureKey::Instance(row.id), intake, 0, row.id.0 as u8))
            .collect();
        lab.catalogue.record_captured(&batch).unwrap();
    }
    rate("captured", begun);

    let begun = Instant::now();
    let budget = Budget { bytes: 10_000_000, objects: 10_000 };
    let mut cursor = ObjectCursor::default();
    let mut segments = Vec::new();
    loop {
        let objects = lab.catalogue.captured_objects(&mut cursor, Readiness::Complete, budget).unwrap();
        if objects.is_empty() {
            break;
        }
        let number = lab.catalogue.next_segment_number().unwrap();
        let row = segment(number, objects.len() as u64);
        let members = objects.iter().zip(0..).map(|(captured, n)| Member {
            instance_id: captured.object.id,
            member: format!("{}/{}.dcm", captured.object.study_uid, n),
            tar_offset: n * 2_048,
        });
        segments.push(lab.catalogue.seal_segment(&row, members).unwrap());
    }
    rate("packed", begun);

    let begun = Instant::now();
    let volume = lab.open_volume();
    for id in &segments {
        let commit = Commit { segments: &[(*id, id.0 as u64)], files: &[], bytes: 1 };
        lab.catalogue.segments_written(volume, &commit, 1).unwrap();
    }
    rate("written", begun);

    let begun = Instant::now();
    let balance = lab.catalogue.balance(Stage::Export).unwrap();
    println!("{:>24}: {:?}", "balance", begun.elapsed());
    assert_eq!(balance.instances.done, STUDIES * INSTANCES);
    let begun = Instant::now();
    assert_eq!(lab.catalogue.recount().unwrap(), 0);
    println!("{:>24}: {:?}", "recount", begun.elapsed());
    let bytes = std::fs::metadata(lab.catalogue.path()).unwrap().len();
    println!("{:>24}: {} bytes an instance; {}", "file", bytes / (STUDIES * INSTANCES), peak_memory());
}

#[test]
fn two_hundred_thousand_instances_to_a_destination() {
    let mut lab = Lab::new();
    let destination = lab.catalogue.add_destination("one", "ONE@a:104").unwrap();
    let begun = Instant::now();
    let segments: Vec<_> = (0..STUDIES / 10)
        .map(|number| {
            let objects: Vec<_> = (0..INSTANCES * 10)
                .map(|n| object_row(number * 10 + n / INSTANCES, n % INSTANCES, n * 2_048))
                .collect();
            lab.registered_segment(number + 1, &objects)
        })
        .collect();
    rate("registered", begun);

    let begun = Instant::now();
    for segment in segments {
        lab.load(segment);
    }
    rate("loaded", begun);

    let begun = Instant::now();
    for id in 1..=(STUDIES * INSTANCES) as i64 {
        let result =
            StoreResult { instance_id: InstanceId(id), accepted: true, status_code: Some(0), comment: None };
        lab.catalogue.record_store_results(destination, &[result]).unwrap();
    }
    rate("answered one by one", begun);
    assert_eq!(
        lab.catalogue.balance(Stage::Deliver(destination)).unwrap().instances.done,
        STUDIES * INSTANCES
    );
    println!("{:>24}: {}", "memory", peak_memory());
}
