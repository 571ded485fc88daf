//! DICOMweb servers that cap, refuse, break off and lie: what can be had is had, and what cannot is named.
#![allow(clippy::expect_used, reason = "helpers of tests fail as tests do")]

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use e2e::disk::scratch;
use e2e::program::{self, Exit, Program};
use e2e::transfer::{self, Balance};
use e2e::tree;
use e2e::web::{Index, Reply, Request, Shelf, WebServer};
use fakepacs::{Archive, Population};

fn job(folder: &Path, server: &WebServer) -> Program {
    let p2t = transfer::new_export(&folder.join("job"), &server.node(), &folder.join("disk-{seq}"));
    p2t.configure("retry", "delay_seconds", 0);
    p2t.configure("timeouts", "idle_seconds", 5);
    p2t.configure("pace.adaptive", "enabled", false);
    p2t
}

/// A server that behaves but for what `odd` answers.
fn server(
    shelf: Shelf,
    odd: impl Fn(&Shelf, &Request) -> Option<Reply> + Send + Sync + 'static,
) -> WebServer {
    WebServer::start(move |request| odd(&shelf, request).unwrap_or_else(|| shelf.answer(request)))
}

/// Everything that the shelf holds was exported, and each file is the server's.
fn has_all(folder: &Path, p2t: &Program, shelf: Shelf) {
    let count = u64::from(shelf.studies * shelf.instances);
    assert_eq!(transfer::balance(p2t), Balance::all_done(count));
    let out = folder.join("out");
    transfer::extract(&transfer::without_job(folder), &transfer::volumes(&folder.join("disk-{seq}")), &out);
    let mut files: Vec<Vec<u8>> =
        tree::files(&out).iter().map(|path| std::fs::read(path).expect("it was just written")).collect();
    let mut held: Vec<Vec<u8>> = shelf.all().map(|instance| shelf.file(instance)).collect();
    files.sort();
    held.sort();
    assert!(files == held, "{} files are not the {} that the server holds", files.len(), held.len());
}

fn exports_all(
    shelf: Shelf,
    odd: impl Fn(&Shelf, &Request) -> Option<Reply> + Send + Sync + 'static,
) -> WebServer {
    let folder = scratch();
    let server = server(shelf, odd);
    let p2t = job(folder.path(), &server);
    transfer::export(&p2t);
    has_all(folder.path(), &p2t, shelf);
    server
}

#[test]
fn an_honest_server_is_asked_for_whole_studies_only() {
    let server = exports_all(Shelf::default(), |_, _| None);
    let objects: Vec<Request> = server.asked().into_iter().filter(Request::is_for_objects).collect();
    assert_eq!(objects.len(), 3);
    for request in objects {
        let accept = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
        assert!(request.is_for_study() && request.headers["accept"] == accept, "{request:?}");
        assert_eq!(request.headers["accept-encoding"], "identity");
    }
}

#[test]
fn a_silent_cap_on_pages_hides_nothing() {
    for cap in [1, 7] {
        exports_all(Shelf { studies: 15, instances: 9, bytes: 500, cap, pages: true }, |_, _| None);
    }
}

#[test]
fn what_cannot_be_divided_is_not_believed_to_be_all() {
    let folder = scratch();
    // It takes no notice of an offset, nor of any key but a study's UID.
    let shelf = Shelf { studies: 15, instances: 2, bytes: 500, cap: 7, pages: false };
    let server = server(shelf, |_, _| None);
    let p2t = job(folder.path(), &server);
    let plan = p2t.run_for_people(&["plan"]);
    assert!(plan.is(Exit::Discrepancies), "{plan:?}");
    plan.says("THE LIST IS NOT WHOLE");
    // One study by its UID is a list that is whole; its instances are as many as the server claims.
    let uid = e2e::synthetic::Instance { study: 15, series: 1, number: 1 }.study_uid();
    p2t.run(&["plan", "--study", &uid]).expect(Exit::Clean);
}

#[test]
fn a_server_that_does_not_tell_all_in_one_search_is_asked_in_parts() {
    let population = Population { studies: 400, days: 4, null_dates: 3, ..Population::default() };
    let all = usize::MAX;
    for (most, pages, refuse_above) in [(50, true, all), (50, false, all), (all, true, 50), (500, true, all)]
    {
        let folder = scratch();
        let index = Index { archive: Archive::new(population.make()), most, pages, refuse_above };
        let server = WebServer::start(move |request| index.answer(request));
        let plan = job(folder.path(), &server).run(&["plan"]).expect(Exit::Clean).json();
        assert_eq!(plan["studies"]["listed"], 400, "{most} {pages} {refuse_above}: {plan}");
        let cap = (most == 50).then_some(50);
        assert_eq!(plan["listing"]["cap"].as_u64(), cap, "{plan}");
    }
}

#[test]
fn a_study_that_is_deleted_between_two_pages_hides_no_other() {
    let folder = scratch();
    let studies = Population { studies: 1_100, days: 4, ..Population::default() }.make();
    let index = |archive| Index { archive, most: usize::MAX, pages: true, refuse_above: usize::MAX };
    let all = index(Archive::new(studies.clone()));
    let rest = index(Archive::new(studies.into_iter().skip(1).collect()));
    let deleted = AtomicBool::new(false);
    let server = WebServer::start(move |request| {
        let is_first_page = request.number("limit") == Some(500) && request.number("offset") == Some(0);
        let index = if deleted.fetch_or(is_first_page, Ordering::Relaxed) { &rest } else { &all };
        index.answer(request)
    });
    let plan = job(folder.path(), &server).run(&["plan"]).json();
    // The deleted one was there as well.
    assert_eq!(plan["studies"]["listed"], 1_100, "{plan}");
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_asks() {
    let server = exports_all(Shelf::default(), |_, request| {
        let busy =
            request.is_for_study() && request.before < 2 || request.path == "/studies" && request.before == 0;
        busy.then(|| Reply::new("503 Service Unavailable", "Retry-After: 1\r\n", b"<html>"))
    });
    let asked = server.asked();
    let mut refused: Vec<&Request> = asked.iter().filter(|request| request.is_for_study()).collect();
    refused.sort_by_key(|request| (request.path.clone(), request.before));
    for pair in refused.windows(2).filter(|pair| pair[0].path == pair[1].path) {
        let pause = pair[1].at.duration_since(pair[0].at);
        assert!(pause >= Duration::from_millis(900), "{} was asked again after {pause:?}", pair[0].path);
    }
}

#[test]
fn a_server_that_stays_busy_ends_the_run_and_no_study_fails_for_it() {
    let folder = scratch();
    let busy = Arc::new(AtomicBool::new(true));
    let is_busy = busy.clone();
    let server = server(Shelf::default(), move |_, request| {
        let busy = request.is_for_objects() && is_busy.load(Ordering::Relaxed);
        busy.then(|| Reply::new("503 Service Unavailable", "Retry-After: 0\r\n", b""))
    });
    let p2t = job(folder.path(), &server);
    p2t.configure("retry", "attempts", 2);
    p2t.run(&["plan"]).expect(Exit::Clean);
    p2t.run(&["export"]).expect(Exit::Incomplete).says("has too much to do");
    assert_eq!(transfer::balance(&p2t).failed, 0);
    busy.store(false, Ordering::Relaxed);
    p2t.run(&["export"]).expect(Exit::Clean);
    has_all(folder.path(), &p2t, Shelf::default());
}

#[test]
fn a_body_that_is_cut_loses_nothing() {
    // In the second object of the first answer.
    exports_all(Shelf::default(), |shelf, request| {
        (request.is_for_study() && request.before == 0).then(|| shelf.answer(request).cut(3_000_000))
    });
}

#[test]
fn an_answer_without_its_closing_boundary_counts_without_its_last_object() {
    let server = exports_all(Shelf::default(), |shelf, request| {
        request.is_for_study().then(|| {
            let bytes = shelf.answer(request).bytes;
            let start = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("it has a head") + 4;
            let head = String::from_utf8_lossy(&bytes[..start]).into_owned();
            let kind = head.lines().find(|line| line.starts_with("Content-Type")).expect("it has a type");
            Reply::new("200 OK", &format!("{kind}\r\n"), &bytes[start..bytes.len() - 40])
        })
    });
    let single = server.asked().iter().filter(|r| r.is_for_objects() && !r.is_for_study()).count();
    assert_eq!(single, 3, "only the last object of each study is asked for alone");
}

#[test]
fn a_server_without_study_retrieval_is_asked_instance_by_instance() {
    exports_all(Shelf::default(), |_, request| {
        request.is_for_study().then(|| Reply::new("405 Method Not Allowed", "", b"no"))
    });
}

#[test]
fn instances_that_are_gone_do_not_keep_those_behind_them_from_being_asked_for() {
    let folder = scratch();
    let shelf = Shelf { studies: 1, instances: 150, bytes: 500, ..Shelf::default() };
    let server = server(shelf, |_, request| {
        let number = request.path.rsplit('.').next().and_then(|number| number.parse::<u32>().ok());
        let gone = request.is_for_objects() && number.is_none_or(|number| number <= 100);
        (request.is_for_study() || gone).then(|| Reply::new("404 Not Found", "", b""))
    });
    let p2t = job(folder.path(), &server);
    p2t.configure("retry", "attempts", 1);
    p2t.run(&["plan"]).expect(Exit::Clean);
    let export = p2t.run(&["export"]);
    assert!(export.is(Exit::Discrepancies), "{export:?}");
    let balance = transfer::balance(&p2t);
    assert_eq!((balance.listed, balance.done, balance.failed), (150, 50, 100));
}

#[test]
fn a_path_without_a_service_is_no_empty_archive_and_deletes_nothing() {
    let folder = scratch();
    let is_there = Arc::new(AtomicBool::new(false));
    let there = is_there.clone();
    let server = server(Shelf::default(), move |_, _| {
        (!there.load(Ordering::Relaxed)).then(|| Reply::new("404 Not Found", "", b"no such page"))
    });
    let p2t = job(folder.path(), &server);
    p2t.run(&["plan"]).expect(Exit::Incomplete).says("see whether the path in `node`");
    is_there.store(true, Ordering::Relaxed);
    p2t.run(&["plan"]).expect(Exit::Clean);
    is_there.store(false, Ordering::Relaxed);
    p2t.run(&["plan", "--delta"]).expect(Exit::Incomplete).says("see whether the path in `node`");
    assert_eq!(transfer::balance(&p2t).listed, 12);
    is_there.store(true, Ordering::Relaxed);
    let delta = p2t.run(&["plan", "--delta"]).expect(Exit::Clean).json();
    assert_eq!(
        (&delta["unchanged"], delta["changes"].as_array().map(Vec::len)),
        (&3.into(), Some(0)),
        "{delta}"
    );
}

#[test]
fn a_server_that_answers_404_where_nothing_matches_is_believed() {
    let folder = scratch();
    let server = server(Shelf::default(), |_, request| {
        request.query.contains_key("0020000D").then(|| Reply::new("404 Not Found", "", b""))
    });
    let plan = job(folder.path(), &server).run(&["plan", "--study", "1.2.3"]).expect(Exit::Clean).json();
    assert_eq!(plan["studies"]["listed"], 0);
}

#[test]
fn a_redirect_is_followed_on_the_same_server_only() {
    exports_all(Shelf::default(), |shelf, request| match request.path.strip_prefix("/moved") {
        None => {
            let query: Vec<String> =
                request.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let location = format!("Location: /rs/moved{}?{}\r\n", request.path, query.join("&"));
            Some(Reply::new("302 Found", &location, b"over there"))
        }
        Some(path) => Some(shelf.answer(&Request { path: path.to_owned(), ..request.clone() })),
    });
    let folder = scratch();
    let elsewhere = server(Shelf::default(), |_, _| {
        Some(Reply::new(
            "307 Temporary Redirect",
            "Location: https://evil.example.org/rs/x?Doe^John\r\n",
            b"",
        ))
    });
    let plan = job(folder.path(), &elsewhere).run_for_people(&["plan"]);
    assert!(plan.is(Exit::Incomplete), "{plan:?}");
    plan.says("The server sends us on to https://evil.example.org");
    assert!(!plan.stderr.contains("Doe"), "{plan:?}");
}

#[test]
fn an_object_of_another_name_is_not_taken_for_the_one_asked_for() {
    let folder = scratch();
    let shelf = Shelf { studies: 1, instances: 3, ..Shelf::default() };
    let server = server(shelf, |shelf, request| {
        let other = e2e::synthetic::Instance { study: 1, series: 1, number: 9 };
        let of_third = request.is_for_objects() && request.path.ends_with(".3.3");
        match () {
            () if request.is_for_study() => {
                Some(shelf.objects(&shelf.all().filter(|i| i.number < 3).collect::<Vec<_>>()))
            }
            () if of_third => Some(shelf.objects(&[other])),
            () => None,
        }
    });
    let p2t = job(folder.path(), &server);
    p2t.configure("retry", "attempts", 2);
    p2t.run(&["plan"]).expect(Exit::Clean);
    let export = p2t.run(&["export"]);
    assert!(export.is(Exit::Discrepancies), "{export:?}");
    let balance = transfer::balance(&p2t);
    // Two that came, the third that never did, and one that nobody had listed.
    assert_eq!((balance.listed, balance.done, balance.failed), (4, 3, 1));
}

#[test]
fn what_is_no_dicomweb_is_named() {
    let html = |status: &'static str| {
        move |_: &Shelf, _: &Request| {
            Some(Reply::new(status, "Content-Type: text/html\r\n", b"<html>Doe^John</html>"))
        }
    };
    for (status, code, words) in [
        ("200 OK", Exit::Incomplete, "\"text/html\" where application/dicom+json was due"),
        ("401 Unauthorized", Exit::Incomplete, "does not let us in (status 401)"),
        ("400 Bad Request", Exit::Failed, "with status 400 (bad request)"),
    ] {
        let folder = scratch();
        let server = server(Shelf::default(), html(status));
        let plan = job(folder.path(), &server).run_for_people(&["plan"]);
        assert!(plan.is(code), "{plan:?}");
        plan.says(words);
        assert!(!plan.stderr.contains("Doe"), "{plan:?}");
    }
}

/// A server that answers the beginning once and `filler` for ever.
fn endless(beginning: &'static [u8], filler: &'static [u8]) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let port = listener.local_addr().expect("a bound socket has an address").port();
    let filler = Arc::new(filler.repeat(10_000));
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let filler = Arc::clone(&filler);
            thread::spawn(move || {
                let mut sent = client.write_all(beginning);
                while sent.is_ok() {
                    sent = client.write_all(&filler);
                }
            });
        }
    });
    format!("http://127.0.0.1:{port}/rs")
}

#[test]
fn answers_without_end_are_refused_in_little_memory() {
    let list: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length: 99999999999\r\n\r\n[{\"0020000D\":\"";
    let chunk: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nTransfer-Encoding: chunked\r\n\r\n1;";
    let cases: [(&[u8], &[u8]); 4] =
        [(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"), (b"", b"\x15\x03\x03\x00"), (list, b"1.2."), (chunk, b"x")];
    for (beginning, filler) in cases {
        let folder = scratch();
        let node = endless(beginning, filler);
        let p2t = transfer::new_export(&folder.path().join("job"), &node, &folder.path().join("disk-{seq}"));
        p2t.configure("timeouts", "idle_seconds", 5);
        let (finished, peak) = program::measure(&p2t.command(&["plan"]));
        assert!(!finished.is(Exit::Clean) && peak < 256_000_000, "{peak} bytes: {finished:?}");
    }
}
