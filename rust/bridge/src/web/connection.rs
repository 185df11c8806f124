//! One connection: HTTP requests, and after an upgrade a websocket.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use hyper::header::{
    AUTHORIZATION, CONNECTION, HeaderMap, HeaderValue, LOCATION, SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE, WWW_AUTHENTICATE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use super::files::{self, Reply};
use super::listen::Stream;
use super::{Event, Shared, origin, request, socket};
use crate::core::METRICS_TYPE;

/// For the head of a request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const LARGEST_HEAD: usize = 32 * 1024;
/// How long a connection may be about anything but a websocket: who reads an answer byte by byte must not
/// hold a place for ever.
const LONGEST: Duration = Duration::from_secs(300);

/// The page for those who have installed no web interface.
const OWN_PAGE: &str = include_str!("page.html");

/// A websocket that begins when the answer is sent.
struct Pending {
    upgrade: OnUpgrade,
    /// `None`: it is told that it may not come in.
    place: Option<OwnedSemaphorePermit>,
}

type Slot = Arc<Mutex<Option<Pending>>>;

/// Serves until the client goes, or is sent away.
pub(super) async fn serve(shared: Arc<Shared>, stream: Box<dyn Stream>, peer: String) {
    let slot = Slot::default();
    let service = service_fn(|request| {
        let (shared, slot, peer) = (Arc::clone(&shared), Arc::clone(&slot), peer.clone());
        async move { Ok::<_, Infallible>(respond(&shared, request, &slot, &peer).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    // Errors are the client's: it went away or does not speak HTTP.
    let _ = timeout(LONGEST, served).await;
    let pending = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Pending { upgrade, place }) = pending else {
        return;
    };
    let Ok(upgraded) = upgrade.await else {
        return;
    };
    let stream = TokioIo::new(upgraded);
    match place {
        Some(_place) => socket::serve(&shared, stream, peer).await,
        None => socket::refuse(stream).await,
    }
}

async fn respond<B>(shared: &Shared, request: Request<B>, slot: &Slot, peer: &str) -> Reply {
    if is_websocket(request.headers()) {
        return upgrade(shared, request, slot, peer);
    }
    let options = &shared.options;
    let path = request.uri().path();
    let not_found = || files::not_found(request.method(), path);
    if !options.base.is_empty() && path == options.base {
        return redirect(request.uri().query(), &options.base);
    }
    let Some(below) = path
        .strip_prefix(options.base.as_str())
        .filter(|rest| rest.starts_with('/'))
    else {
        return not_found();
    };
    let readable = matches!(*request.method(), Method::GET | Method::HEAD);
    if below == "/metrics" && *request.method() == Method::GET {
        return metrics(shared, &request, peer).await;
    }
    if below == "/api" || !options.pages || !readable {
        return not_found();
    }
    let Some(below) = request::decode(below, false) else {
        return not_found();
    };
    let wanted = files::Wanted::new(request.method(), request.headers());
    let (interface, icons) = (options.interface.clone(), options.icons.clone());
    let file = move || match below.strip_prefix("/device_icons/") {
        Some(icon) => files::icon(&icons, icon, &wanted),
        None => match (files::interface(&interface), below.as_str()) {
            (Some(root), path) => files::get(&root, path, &wanted),
            (None, "/" | "/index.html") => Some(files::page(OWN_PAGE)),
            (None, _) => None,
        },
    };
    // A disk may be slow, and the radio must not wait for it.
    match tokio::task::spawn_blocking(file).await {
        Ok(Some(reply)) => reply,
        _ => not_found(),
    }
}

/// The figures for Prometheus, for those who may see the rest as well.
async fn metrics<B>(shared: &Shared, request: &Request<B>, peer: &str) -> Reply {
    let bearer = request::text(request.headers(), AUTHORIZATION)
        .and_then(|text| text.strip_prefix("Bearer "))
        .map(|token| token.trim().to_owned());
    let token = bearer.or_else(|| request.uri().query().and_then(request::token));
    if !shared.options.admits(token.as_deref()) {
        shared.complain(format!("{peer} asked for the metrics without the token"));
        let mut reply = files::text(StatusCode::UNAUTHORIZED, "The token is missing or wrong");
        let bearer = HeaderValue::from_static("Bearer");
        reply.headers_mut().insert(WWW_AUTHENTICATE, bearer);
        return reply;
    }
    let (reply, figures) = oneshot::channel();
    // Both fail only while the bridge ends.
    let _ = shared.events.send(Event::Metrics(reply)).await;
    match figures.await {
        Ok(text) => files::made(text, METRICS_TYPE),
        Err(_) => files::text(StatusCode::SERVICE_UNAVAILABLE, "The bridge is stopping"),
    }
}

fn redirect(query: Option<&str>, base: &str) -> Reply {
    let location = match query {
        Some(query) => format!("{base}/?{query}"),
        None => format!("{base}/"),
    };
    let mut reply = files::text(StatusCode::MOVED_PERMANENTLY, "");
    if let Ok(location) = HeaderValue::try_from(location) {
        reply.headers_mut().insert(LOCATION, location);
    }
    reply
}

fn is_websocket(headers: &HeaderMap) -> bool {
    let has = |name, wanted: &str| {
        request::list(headers, name).any(|token| token.eq_ignore_ascii_case(wanted))
    };
    has(CONNECTION, "upgrade") && has(UPGRADE, "websocket")
}

fn upgrade<B>(shared: &Shared, mut request: Request<B>, slot: &Slot, peer: &str) -> Reply {
    let options = &shared.options;
    let headers = request.headers();
    let path = request.uri().path();
    if path.strip_prefix(options.base.as_str()) != Some("/api") || request.method() != Method::GET {
        return files::text(StatusCode::BAD_REQUEST, "No websocket here");
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).filter(|key| {
        let engine = &base64::engine::general_purpose::STANDARD;
        engine.decode(key).is_ok_and(|key| key.len() == 16)
    });
    let version = headers.get(SEC_WEBSOCKET_VERSION);
    let (Some(key), true) = (key, version.is_some_and(|version| version == "13")) else {
        let mut reply = files::text(StatusCode::BAD_REQUEST, "Not a websocket of version 13");
        let version = HeaderValue::from_static("13");
        reply.headers_mut().insert(SEC_WEBSOCKET_VERSION, version);
        return reply;
    };
    let accept = derive_accept_key(key.as_bytes());
    // A page of somebody else can't know the token; without one the browser has to say whose page it is.
    if !options.wants_token()
        && let Err(foreign) = origin::check(headers, options.url.as_deref())
    {
        shared.complain(format!(
            "A web page of {foreign} was not let in by {peer}. If it is yours: set \
             frontend.auth_token, or frontend.url to its address, or have the reverse proxy pass \
             the header Host"
        ));
        return files::text(StatusCode::FORBIDDEN, "Foreign origin");
    }
    let token = request.uri().query().and_then(request::token);
    let place = if options.admits(token.as_deref()) {
        let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
            shared.complain(format!(
                "Too many web clients are connected; the one at {peer} was refused"
            ));
            return files::text(StatusCode::SERVICE_UNAVAILABLE, "Too many clients");
        };
        Some(place)
    } else {
        let what = match token {
            Some(_) => "gave a wrong token",
            None => "gave no token",
        };
        shared.complain(format!("The web client at {peer} {what}"));
        None
    };
    let upgrade = hyper::upgrade::on(&mut request);
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(Pending { upgrade, place });
    let mut reply = files::text(StatusCode::SWITCHING_PROTOCOLS, "");
    let headers = reply.headers_mut();
    headers.clear();
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    if let Ok(accept) = HeaderValue::try_from(accept) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    reply
}
