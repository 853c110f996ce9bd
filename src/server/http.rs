//! tiny_http on one thread of its own, behind the gate.
//!
//! tiny_http 0.12 is safe only for a client that can be trusted (a large `Content-Length` aborts the process, a body
//! that never comes blocks the thread that answers, its accept loop ends at the first error), so the gate is its only
//! client: one kept connection, one request at a time, each written by us.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, bounded};
use tiny_http::{Header, Listener, Response, Server, StatusCode};

use super::answer::{Answer, Asker};
use super::gate::BODY_BYTES_MAX;
use super::site::{Ask, Refused, Request, Site};
use crate::signal::Refusal;

/// How the gate proves that it is the gate: a number that nobody else knows. On a system without Unix sockets the inner
/// listener is a TCP port, which any local program and any web page can reach.
pub(super) const KEY_HEADER: &str = "x-patchcord-key";
/// The browser's address, set by the gate.
pub(super) const FROM_HEADER: &str = "x-patchcord-from";
/// The address by which the browser reached us, set by the gate.
pub(super) const FACING_HEADER: &str = "x-patchcord-facing";

/// A header field of the browser, name and value, set by the gate: the names of the browser are never ours.
pub(super) const FIELD_HEADER: &str = "x-patchcord-field";

/// How long a shutdown waits for the thread, which may be waiting for the application's loop.
const STOP_WAIT_MAX: Duration = Duration::from_millis(500);

/// The thread, and how to stop it.
pub(super) struct Http {
    control: Arc<Control>,
    thread: thread::JoinHandle<()>,
    /// Disconnected when the thread has ended.
    ended: Receiver<()>,
}

/// What the gate and the thread share.
pub(super) struct Control {
    stop: AtomicBool,
    server: Mutex<Arc<Server>>,
}

impl Http {
    /// Starts to serve at the inner listener, and keeps `place`, where it is, until tiny_http has ended: that connects
    /// to its own listener to end the thread that accepts there, and leaves the thread behind if it cannot.
    pub(super) fn start<A, P>(site: Site<A>, key: String, listener: Listener, place: P) -> io::Result<Self>
    where
        A: Fn(Ask) -> Result<String, Refused> + Send + 'static,
        P: Send + 'static,
    {
        let control = Arc::new(Control { stop: AtomicBool::new(false), server: Mutex::new(serve_at(listener)?) });
        let (alive, ended) = bounded(0);
        let thread = thread::Builder::new().name("patchcord-http".into()).spawn({
            let control = Arc::clone(&control);
            move || {
                run(&control, &site, &key);
                drop(control);
                drop(place);
                drop(alive);
            }
        })?;
        Ok(Http { control, thread, ended })
    }

    pub(super) fn control(&self) -> Arc<Control> {
        Arc::clone(&self.control)
    }

    /// Ends the thread, and waits for it at most half a second: it may be inside the application's answer.
    pub(super) fn stop(self) {
        self.control.stop.store(true, Ordering::SeqCst);
        self.control.server().unblock();
        let _ = self.ended.recv_timeout(STOP_WAIT_MAX);
        if self.thread.is_finished() || self.ended.try_recv() == Err(crossbeam_channel::TryRecvError::Disconnected) {
            // A panic of the thread has been printed already.
            let _ = self.thread.join();
        } else {
            tracing::warn!("the application still answers an offer; its thread ends when it has");
        }
    }
}

impl Control {
    /// Puts a new tiny_http in the place of one that is lost; the thread turns to it.
    pub(super) fn replace(&self, listener: Listener) -> io::Result<()> {
        let server = serve_at(listener)?;
        let lost = std::mem::replace(&mut *self.server.lock().unwrap_or_else(PoisonError::into_inner), server);
        lost.unblock();
        Ok(())
    }

    fn server(&self) -> Arc<Server> {
        Arc::clone(&self.server.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn serve_at(listener: Listener) -> io::Result<Arc<Server>> {
    Server::from_listener(listener, None).map(Arc::new).map_err(io::Error::other)
}

fn run<A: Fn(Ask) -> Result<String, Refused>>(control: &Control, site: &Site<A>, key: &str) {
    while !control.stop.load(Ordering::SeqCst) {
        let server = control.server();
        // Ends when unblocked, and once when tiny_http accepts no more. The connection that it has goes on.
        while let Ok(request) = server.recv() {
            respond(request, site, key);
        }
    }
}

fn respond<A: Fn(Ask) -> Result<String, Refused>>(mut request: tiny_http::Request, site: &Site<A>, key: &str) {
    let answer = match understand(&mut request, key) {
        // The application's function runs in there: its panic costs this answer and not the thread.
        Some(understood) => catch_unwind(AssertUnwindSafe(|| site.answer(understood)))
            .unwrap_or_else(|_| Answer::refuse(Refusal::Internal, Asker::Program)),
        None => Answer::refuse(Refusal::Internal, Asker::Program),
    };
    let headers =
        answer.headers.iter().filter_map(|(name, value)| Header::from_bytes(*name, value.as_bytes()).ok()).collect();
    let bytes = answer.body.len();
    let response = Response::new(StatusCode(answer.status), headers, &*answer.body, Some(bytes), None)
        // The gate wants every answer with its length.
        .with_chunked_threshold(usize::MAX);
    if let Err(error) = request.respond(response) {
        tracing::debug!(%error, "the gate hung up");
    }
}

fn fields(request: &tiny_http::Request) -> Vec<(String, String)> {
    let of_browser = request.headers().iter().filter(|header| header.field.equiv(FIELD_HEADER));
    let split =
        |header: &Header| header.value.as_str().split_once(':').map(|(n, v)| (n.to_owned(), v.trim().to_owned()));
    of_browser.filter_map(split).collect()
}

/// Reads what the gate wrote. `None`: somebody else wrote it.
fn understand(request: &mut tiny_http::Request, key: &str) -> Option<Request> {
    let header = |name: &'static str| {
        request.headers().iter().find(|header| header.field.equiv(name)).map(|header| header.value.as_str().to_owned())
    };
    let address = |name| header(name)?.parse::<SocketAddr>().ok();
    if header(KEY_HEADER)? != key {
        return None;
    }
    let mut understood = Request {
        method: request.method().as_str().to_owned(),
        target: request.url().to_owned(),
        accept: header("Accept"),
        content_type: header("Content-Type"),
        accept_encoding: header("Accept-Encoding"),
        if_none_match: header("If-None-Match"),
        from: address(FROM_HEADER)?,
        facing: address(FACING_HEADER)?,
        fields: fields(request),
        body: Vec::new(),
    };
    request.as_reader().take(BODY_BYTES_MAX as u64).read_to_end(&mut understood.body).ok()?;
    Some(understood)
}
