//! Handles HTTP requests by `wasi:http/handler` of WASI 0.3, asynchronously.

use wasip3::http::types::{ErrorCode, Fields, Request, Response, Scheme};
use wasip3::http::{client, types};
use wasip3::{wit_bindgen, wit_future, wit_stream};

struct Hello;

wasip3::http::service::export!(Hello);

impl wasip3::exports::http::handler::Guest for Hello {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let target = request.get_path_with_query().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        match path {
            "/" => Ok(text(200, "hello from WASI 0.3\n".into())),
            "/headers" => Ok(text(200, headers(&request))),
            "/echo" => Ok(echo(request)),
            "/proxy" => match proxy(query.strip_prefix("url=").unwrap_or(query)).await {
                Ok(response) => Ok(response),
                Err(error) => Ok(text(502, format!("{error:?}\n"))),
            },
            "/error" => Err(ErrorCode::LoopDetected),
            "/trap" => core::arch::wasm32::unreachable(),
            "/spin" => loop {
                core::hint::spin_loop();
            },
            _ => Ok(text(404, "no such thing\n".into())),
        }
    }
}

fn text(status: u16, text: String) -> Response {
    let (mut writer, reader) = wit_stream::new();
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (response, _sent) = Response::new(Fields::new(), Some(reader), trailers_reader);
    let _ = response.set_status_code(status);
    wit_bindgen::spawn_local(async move {
        // A client that went away is nothing to die of.
        let _unsent = writer.write_all(text.into_bytes()).await;
    });
    response
}

fn headers(request: &Request) -> String {
    let mut text = format!(
        "{:?} {:?} {:?} {:?}\n",
        request.get_method(),
        request.get_scheme(),
        request.get_authority(),
        request.get_path_with_query()
    );
    for (name, value) in request.get_headers().copy_all() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(&value)));
    }
    text
}

/// The request's body as it comes; no byte of it passes through the guest.
fn echo(request: Request) -> Response {
    let (result, result_reader) = wit_future::new(|| Ok(()));
    let (body, trailers) = Request::consume_body(request, result_reader);
    drop(result);
    Response::new(Fields::new(), Some(body), trailers).0
}

async fn proxy(url: &str) -> Result<Response, types::ErrorCode> {
    let (scheme, rest) = match url.split_once("://") {
        Some(("https", rest)) => (Scheme::Https, rest),
        Some((_, rest)) => (Scheme::Http, rest),
        None => (Scheme::Http, url),
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    let (trailers, trailers_reader) = wit_future::new(|| Ok(None));
    drop(trailers);
    let (request, _sent) = Request::new(Fields::new(), None, trailers_reader, None);
    let invalid = |()| ErrorCode::HttpRequestUriInvalid;
    request.set_scheme(Some(&scheme)).map_err(invalid)?;
    request.set_authority(Some(authority)).map_err(invalid)?;
    let path = if path.is_empty() { "/" } else { path };
    request.set_path_with_query(Some(path)).map_err(invalid)?;
    client::send(request).await
}
