use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

/// What a server does with one connection: answers to requests in turn, then it closes.
type Script = Vec<Vec<&'static str>>;

/// A server that follows the script, and the heads of the requests that it hears.
fn server(script: Script) -> (WebAddress, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = format!("http://127.0.0.1:{}/rs", listener.local_addr().unwrap().port());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hears = heard.clone();
    thread::spawn(move || {
        for answers in script {
            let (socket, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(socket.try_clone().unwrap());
            let mut socket = socket;
            for answer in answers {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
                hears.lock().unwrap().push(head);
                for byte in answer.as_bytes() {
                    socket.write_all(&[*byte]).unwrap();
                }
            }
        }
    });
    (address.parse().unwrap(), heard)
}

fn settings(address: WebAddress) -> WebSettings {
    let second = Duration::from_secs(5);
    let waits = Waits { connect: second, handshake: second, idle: second };
    WebSettings { address, tls: None, login: None, waits, stop: job::Stop::default() }
}

fn ask() -> Ask {
    Ask { resource: "/studies".to_owned(), query: "a=b".to_owned(), accept: "application/dicom+json" }
}

/// The body of one answer.
fn get(client: &Client) -> Result<String, Error> {
    let mut answer = client.get(&ask(), &|| false)?;
    let mut text = String::new();
    answer.body.read_to_string(&mut text).map_err(Error::from)?;
    client.keep(answer.body);
    Ok(text)
}

const ONE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none";
const CHUNKS: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nch\r\n4\r\nunks\r\n0\r\n\r\n";

#[test]
fn a_connection_is_kept_and_one_that_the_server_closed_is_opened_again() {
    let (address, heard) = server(vec![vec![ONE, CHUNKS], vec![ONE]]);
    let client = Client::new(settings(address)).unwrap();
    assert_eq!(get(&client).unwrap(), "one");
    assert_eq!(get(&client).unwrap(), "chunks");
    assert_eq!(get(&client).unwrap(), "one");
    let heard = heard.lock().unwrap();
    assert_eq!(heard.len(), 3);
    assert!(heard[0].starts_with("GET /rs/studies?a=b HTTP/1.1\r\n"), "{}", heard[0]);
}

#[test]
fn a_body_that_is_cut_is_an_error() {
    for cut in [&ONE[..ONE.len() - 1], &CHUNKS[..CHUNKS.len() - 5], "HTTP/1.1 200 O"] {
        let (address, _) = server(vec![vec![Box::leak(cut.to_owned().into_boxed_str())]]);
        let error = get(&Client::new(settings(address)).unwrap()).unwrap_err();
        let whole = cut.starts_with("HTTP/1.1 200 OK");
        assert_eq!(error.is_lost(), whole, "{cut:?}: {error}");
        assert_eq!(matches!(error, Error::NoAnswer { .. }), !whole, "{cut:?}: {error}");
    }
}

#[test]
fn a_token_that_is_no_longer_taken_is_read_again_once() {
    const NO: &str = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
    let (address, heard) = server(vec![vec![NO, ONE, NO, NO]]);
    let dir = tempfile::tempdir().unwrap();
    let job = job::JobDir::create(&dir.path().join("job"), job::Program::P2t, "").unwrap();
    let config: job::config::LoginConfig = serde_json::from_str("{\"token_file\": \"token\"}").unwrap();
    let turn = AtomicUsize::new(0);
    let login: LoginReader = Arc::new(move || {
        let token = format!("token-{}\n", turn.fetch_add(1, Ordering::Relaxed));
        std::fs::write(dir.path().join("job/token"), token).unwrap();
        Login::read(&config, &job)
    });
    let client = Client::new(WebSettings { login: Some(login), ..settings(address) }).unwrap();
    assert_eq!(get(&client).unwrap(), "one");
    assert!(matches!(get(&client), Err(Error::NoEntry { status: 401 })));
    let heard = heard.lock().unwrap();
    let token = |number: usize| heard[number].lines().find_map(|line| line.split("Bearer ").nth(1));
    assert_eq!(
        [token(0), token(1), token(2), token(3)],
        ["token-0", "token-1", "token-1", "token-2"].map(Some)
    );
}

#[test]
fn a_server_that_is_left_alone_is_busy_without_being_asked() {
    let (address, heard) =
        server(vec![vec!["HTTP/1.1 429 Slow down\r\nRetry-After: 60\r\nContent-Length: 0\r\n\r\n"]]);
    let client = Client::new(settings(address)).unwrap();
    for _ in 0..2 {
        let refused = client.get_at_once(&ask(), &|| false);
        assert!(matches!(refused.map(|_| ()), Err(Error::Busy { .. })));
    }
    assert_eq!(heard.lock().unwrap().len(), 1);
    assert!(matches!(client.get(&ask(), &|| true).map(|_| ()), Err(Error::Stopped)));
}

#[test]
fn what_is_compressed_for_the_way_is_refused() {
    let (address, heard) =
        server(vec![vec!["HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n"]]);
    let error = get(&Client::new(settings(address)).unwrap()).unwrap_err().to_string();
    assert!(error.contains("content coding \"gzip\""), "{error}");
    assert!(heard.lock().unwrap()[0].to_ascii_lowercase().contains("accept-encoding: identity"));
}
