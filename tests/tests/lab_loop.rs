//! The whole way on real drivers: two copies written on two drives whose cartridges a robot changes, and read at another site
//! where cartridges are missing.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::Path;

use e2e::disk::scratch;
use e2e::lab::{self, Lab};
use e2e::orthanc::Orthanc;
use e2e::program::{Exit, Program};
use e2e::tape_job::{self, DRIVE, INSTANCES};
use e2e::transfer::{self, Balance};

/// Volumes of each copy: as many as small cartridges are filled.
const VOLUMES: usize = 4;

/// The barcodes of a copy's volumes.
fn cartridges(p2t: &Program, copy: u64) -> Vec<String> {
    let status = p2t.run(&["status"]).json();
    let volumes = status["volumes"].as_array().expect("status lists volumes");
    let of_copy = volumes.iter().filter(|volume| volume["copy"] == copy);
    let barcodes: Vec<String> =
        of_copy.map(|volume| volume["barcode"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(barcodes.len(), VOLUMES, "{status}");
    barcodes
}

/// Ingests these cartridges, one after the other, at a site that has no library. Behind a cartridge that is missing, each
/// ends with the reminder of it, until another copy has brought what was on it.
fn ingest(t2p: &Program, cartridges: &[String], end: Exit) {
    let mut last = None;
    for barcode in cartridges {
        lab::put_in(barcode);
        let ingested = t2p.run(&["ingest", DRIVE]);
        assert!(ingested.is(Exit::Clean) || ingested.is(Exit::Incomplete), "{barcode}: {ingested:?}");
        last = Some(ingested);
    }
    last.expect("there are cartridges").expect(end);
}

fn site(folder: &Path, name: &str) -> (Orthanc, Program) {
    let destination = Orthanc::start(name, &folder.join(name));
    let t2p = transfer::new_ingest(&folder.join(format!("ingest-{name}")), &destination.node());
    (destination, t2p)
}

#[test]
fn two_copies_by_a_robot_restore_all_but_what_is_missing_from_both() {
    let name = "two_copies_by_a_robot_restore_all_but_what_is_missing_from_both";
    let lab =
        Lab { size: 11, early: 2, buffer: 1, cartridges: 2 * VOLUMES + 1, memory: 1024, ..Lab::default() };
    lab::in_guest(name, &lab, || {
        let folder = scratch();
        let folder = folder.path();
        let (p2t, _) = tape_job::new_export(folder, "2 MiB");
        p2t.configure("changer", "device", "/dev/changer");
        p2t.run(&["export", "--copies", "2", "--to", DRIVE, "--to", "/dev/nst1"]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&p2t), Balance::all_done(INSTANCES));
        let (first, second) = (cartridges(&p2t, 1), cartridges(&p2t, 2));
        let without_second = |all: &[String]| [&all[..1], &all[2..]].concat();

        let (destination, t2p) = site(folder, "SITE_B");
        ingest(&t2p, &without_second(&first), Exit::Incomplete);
        t2p.run_for_people(&["audit"]).expect(Exit::Discrepancies).says("did not arrive: volume 2");
        ingest(&t2p, &second, Exit::Clean);
        t2p.run_for_people(&["audit"]).expect(Exit::Clean);
        assert_eq!(transfer::balance(&t2p), Balance::all_done(INSTANCES));
        assert_eq!(destination.uids().len() as u64, INSTANCES);
        drop(destination);

        let (destination, t2p) = site(folder, "SITE_C");
        ingest(&t2p, &without_second(&first), Exit::Incomplete);
        ingest(&t2p, &without_second(&second), Exit::Incomplete);
        t2p.run_for_people(&["audit"])
            .expect(Exit::Discrepancies)
            .says("did not arrive: volume 2, 2 (copy 2)");
        let arrived = destination.uids().len() as u64;
        assert!(arrived < INSTANCES && arrived > INSTANCES / 2, "{arrived}");
        assert_eq!(transfer::balance(&t2p), Balance::all_done(arrived));
        let report = t2p.job().join("reports/t2p-audit-report.html");
        let report = fs::read_to_string(report).expect("an audit writes a report");
        let gone = format!("{} instances that the source wrote did not arrive", INSTANCES - arrived);
        assert!(report.contains(&gone), "the report does not say: {gone}");
    });
}
