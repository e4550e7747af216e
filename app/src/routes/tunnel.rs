//! `GET /api/v1/tunnel`: after an upgrade, gives back whatever comes for as long as the client wants. It is a connection
//! that lives as long as a WebSocket does, so that tests can see what becomes of those.

use axum::{
    extract::Request,
    http::{
        HeaderName, HeaderValue, StatusCode,
        header::{CONNECTION, UPGRADE},
    },
    response::{IntoResponse, Response},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io;

/// What the client asks to speak from there on: bytes, as they come.
const PROTOCOL: HeaderValue = HeaderValue::from_static("echo");

pub(super) async fn open(mut request: Request) -> Response {
    let wanted = request.headers().get(UPGRADE) == Some(&PROTOCOL);
    let Some(upgrade) = request.extensions_mut().remove::<OnUpgrade>().filter(|_| wanted) else {
        return (StatusCode::UPGRADE_REQUIRED, [(UPGRADE, PROTOCOL)]).into_response();
    };
    tokio::spawn(async move {
        let opened = match upgrade.await {
            Ok(opened) => opened,
            Err(error) => return tracing::debug!(%error, "no tunnel came about"),
        };
        let (mut reader, mut writer) = io::split(TokioIo::new(opened));
        match io::copy(&mut reader, &mut writer).await {
            Ok(bytes) => tracing::debug!(bytes, "tunnel closed"),
            Err(error) => tracing::debug!(%error, "tunnel ended early"),
        }
    });
    let headers: [(HeaderName, HeaderValue); 2] =
        [(CONNECTION, HeaderValue::from_static("upgrade")), (UPGRADE, PROTOCOL)];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}
