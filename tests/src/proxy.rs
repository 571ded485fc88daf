//! A TCP proxy between a program and a server: counts what passes, and breaks the line on request.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Small enough that counts follow the wire closely.
const CHUNK: usize = 16 * 1024;

#[derive(Debug, Default)]
struct State {
    /// Bytes server to client, and client to server.
    downstream: AtomicU64,
    upstream: AtomicU64,
    connections: AtomicU64,
    /// Connections that are open now, and the most that ever were.
    open: AtomicU64,
    most_open: AtomicU64,
    /// The line breaks when this many bytes have passed in both directions together; 0 is never.
    break_at: AtomicU64,
    down: AtomicBool,
    sockets: Mutex<Vec<TcpStream>>,
}

/// A line to a server on loopback. Its threads end with the test's process.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

impl Proxy {
    /// Opens a line to `server_port`.
    pub fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                connect(client, server_port, &shared);
            }
        });
        Self { port, state }
    }

    /// The port on which it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that came from the server so far.
    pub fn downstream(&self) -> u64 {
        self.state.downstream.load(Ordering::Relaxed)
    }

    /// Bytes that went to the server so far.
    pub fn upstream(&self) -> u64 {
        self.state.upstream.load(Ordering::Relaxed)
    }

    /// Connections made so far.
    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// The most connections that were open at once.
    pub fn most_open(&self) -> u64 {
        self.state.most_open.load(Ordering::Relaxed)
    }

    /// Cuts every connection once `bytes` more have passed, and refuses new ones until `repair`.
    pub fn break_after(&self, bytes: u64) {
        self.state.break_at.store(self.downstream() + self.upstream() + bytes, Ordering::Relaxed);
    }

    /// Whether the line is cut now.
    pub fn is_down(&self) -> bool {
        self.state.down.load(Ordering::Relaxed)
    }

    /// Lets new connections through again.
    pub fn repair(&self) {
        self.state.break_at.store(0, Ordering::Relaxed);
        self.state.down.store(false, Ordering::Relaxed);
    }

    /// Bytes that had come from, and gone to, the server at each tick of `every` for `length`.
    pub fn sample(&self, every: Duration, length: Duration) -> Vec<(Duration, u64, u64)> {
        let started = Instant::now();
        let mut samples = Vec::new();
        while started.elapsed() < length {
            samples.push((started.elapsed(), self.downstream(), self.upstream()));
            thread::sleep(every);
        }
        samples
    }
}

fn connect(client: TcpStream, server_port: u16, state: &Arc<State>) {
    state.connections.fetch_add(1, Ordering::Relaxed);
    if state.down.load(Ordering::Relaxed) {
        return;
    }
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server_port)) else { return };
    for socket in [&client, &server] {
        socket.set_nodelay(true).expect("a socket takes options");
        state
            .sockets
            .lock()
            .expect("no thread panics here")
            .push(socket.try_clone().expect("a socket can be shared"));
    }
    let open = Arc::new(Open::new(state));
    let (from_client, from_server) = (client.try_clone(), server.try_clone());
    pump(from_client.expect("a socket can be shared"), server, &open, |state| &state.upstream);
    pump(from_server.expect("a socket can be shared"), client, &open, |state| &state.downstream);
}

/// A connection while either direction is open.
struct Open {
    state: Arc<State>,
}

impl Open {
    fn new(state: &Arc<State>) -> Self {
        let open = state.open.fetch_add(1, Ordering::Relaxed) + 1;
        state.most_open.fetch_max(open, Ordering::Relaxed);
        Self { state: Arc::clone(state) }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.state.open.fetch_sub(1, Ordering::Relaxed);
    }
}

fn pump(mut from: TcpStream, mut to: TcpStream, open: &Arc<Open>, counter: fn(&State) -> &AtomicU64) {
    let open = Arc::clone(open);
    thread::spawn(move || {
        let mut buffer = vec![0; CHUNK];
        while let Ok(length) = from.read(&mut buffer) {
            if length == 0 || to.write_all(&buffer[..length]).is_err() {
                break;
            }
            counter(&open.state).fetch_add(length as u64, Ordering::Relaxed);
            break_line_when_due(&open.state);
        }
        let _ = to.shutdown(Shutdown::Write);
    });
}

fn break_line_when_due(state: &State) {
    let limit = state.break_at.load(Ordering::Relaxed);
    let passed = state.downstream.load(Ordering::Relaxed) + state.upstream.load(Ordering::Relaxed);
    if limit == 0 || passed < limit {
        return;
    }
    state.down.store(true, Ordering::Relaxed);
    for socket in state.sockets.lock().expect("no thread panics here").drain(..) {
        let _ = socket.shutdown(Shutdown::Both);
    }
}
