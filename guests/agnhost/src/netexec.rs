//! A web server that does as it is told.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use web::{Answer, Limits, Listener, Peer, Request, Stop};

use crate::Options;

pub async fn serve(options: Options) -> io::Result<()> {
    let port = options.port("--http-port", 8080);
    let listener = Listener::bind(("0.0.0.0", port))?;
    println!("serving on {port}");
    let (end, mut ended) = tokio::sync::mpsc::unbounded_channel();
    let options = Rc::new(options);
    let drains = Rc::new(Cell::new(false));
    let reply = async move |request: Request, _: Peer| {
        let uri = request.uri();
        println!("{} {uri}", request.method());
        if uri.path() == "/shutdown" {
            let _ = end.send(());
        }
        answer(
            &options,
            &drains,
            uri.path(),
            uri.query().unwrap_or_default(),
        )
        .await
    };
    let stop = async move {
        ended.recv().await;
        Stop::Now
    };
    web::serve(vec![listener], Limits::default(), reply, stop).await;
    Ok(())
}

async fn answer(options: &Options, drains: &Cell<bool>, path: &str, query: &str) -> Answer {
    let value = |name: &str| {
        query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            (key == name).then(|| value.to_owned())
        })
    };
    match path {
        "/healthz" if options.is_over("--unhealthy-after") => web::text(500, "error"),
        "/readyz" if drains.get() => web::text(503, "no more"),
        "/readyz" if options.waits_for("--ready-after") => web::text(503, "not yet"),
        "/healthz" | "/readyz" | "/" => web::text(200, "ok"),
        "/echo" => {
            let code = value("code").and_then(|code| code.parse().ok());
            web::text(code.unwrap_or(200), value("msg").unwrap_or_default())
        }
        "/redirect" => {
            let mut answer = web::text(302, "this way");
            if let Some(to) = value("loc").and_then(|to| to.parse().ok()) {
                answer.headers_mut().insert(web::header::LOCATION, to);
            }
            answer
        }
        "/drain" => {
            drains.set(true);
            let seconds = value("seconds").and_then(|seconds| seconds.parse().ok());
            tokio::time::sleep(Duration::from_secs(seconds.unwrap_or(0))).await;
            web::text(200, "drained")
        }
        "/hang" => std::future::pending().await,
        _ => web::text(404, "no such thing"),
    }
}
