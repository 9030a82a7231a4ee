//! The control port: a JSON command a line, a JSON answer a line, in their order.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{json, Value};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::script::span;
use super::{Fate, Mishap, Mishaps};

/// A command. Exactly one of `begin`, `end`, `end_all`, `wait` and `list`.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Command {
    /// `{"begin": {"freeze": "lidar"}, "for": 2.5}`: answers with the name.
    Begin {
        begin: Mishap,
        #[serde(default, rename = "for")]
        seconds: Option<f64>,
        #[serde(default)]
        times: Option<u32>,
    },
    /// `{"end": 3}`.
    End { end: u64 },
    /// `{"end_all": true}`.
    EndAll { end_all: bool },
    /// `{"wait": 3, "until": "felt", "limit": 10}`: answers when it has had an effect, or is over.
    Wait { wait: u64, until: Until, limit: f64 },
    /// `{"list": true}`: those that are on.
    List { list: bool },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Until {
    Felt,
    Over,
}

impl Until {
    fn reached(self, fate: Fate) -> bool {
        match self {
            Self::Felt => fate.felt > 0,
            Self::Over => fate.over,
        }
    }
}

const LONGEST_LINE: usize = 64 * 1024;
const LONGEST_WAIT: f64 = 3600.0;
/// Who is more is not let in.
const CONNECTIONS: usize = 16;

/// Serves until it is dropped.
pub(crate) async fn serve(listener: TcpListener, mishaps: Mishaps) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < CONNECTIONS => {
                    connections.spawn(converse(stream, mishaps.clone()));
                }
                _ => {}
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, mishaps: Mishaps) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let read = (&mut reader).take(LONGEST_LINE as u64).read_until(b'\n', &mut line).await;
        if !matches!(read, Ok(length) if length > 0) || !line.ends_with(b"\n") {
            return;
        }
        let answer = match serde_json::from_slice(&line) {
            Ok(command) => obey(command, &mishaps).await,
            Err(error) => json!({"error": format!("no command: {error}")}),
        };
        if writer.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn obey(command: Command, mishaps: &Mishaps) -> Value {
    match command {
        Command::Begin { begin, seconds, times } => {
            let span = span(seconds, times);
            match span.and_then(|span| begin.check(span).map(|()| span)) {
                Ok(span) => {
                    tracing::info!("mishap: {begin:?}");
                    json!({"id": mishaps.begin(begin, span)})
                }
                Err(what) => json!({"error": what}),
            }
        }
        Command::End { end } if mishaps.end(end) => json!({"ended": 1}),
        Command::End { end } if mishaps.fate(end).is_some() => json!({"ended": 0}),
        Command::End { .. } => unknown(),
        Command::EndAll { end_all: true } => json!({"ended": mishaps.end_all()}),
        Command::EndAll { .. } => json!({"ended": 0}),
        Command::Wait { limit, .. } if !(0.0..=LONGEST_WAIT).contains(&limit) => {
            json!({"error": "\"limit\" is 0 to 3600 seconds"})
        }
        Command::Wait { wait, until, limit } => {
            let limit = Duration::from_secs_f64(limit);
            // What is over without an effect will never have one.
            let fits = |fate: &Fate| until.reached(*fate) || fate.over;
            match mishaps.wait(wait, limit, fits).await {
                Some(fate) => {
                    json!({"reached": until.reached(fate), "felt": fate.felt, "over": fate.over})
                }
                None => unknown(),
            }
        }
        Command::List { list } => {
            let on = mishaps.on().into_iter().filter(|_| list);
            let on: Vec<_> = on.map(|(id, mishap)| json!({"id": id, "mishap": mishap})).collect();
            json!({"on": on})
        }
    }
}

fn unknown() -> Value {
    json!({"error": "there was no such mishap, or it is long over"})
}

#[cfg(test)]
mod tests {
    use super::super::Span;
    use super::*;

    async fn ask(stream: &mut BufReader<TcpStream>, command: &str) -> Value {
        stream.get_mut().write_all(format!("{command}\n").as_bytes()).await.unwrap();
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }

    #[tokio::test]
    async fn a_conversation() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let mishaps = Mishaps::default();
        let server = tokio::spawn(serve(listener, mishaps.clone()));
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let begun = ask(&mut stream, r#"{"begin": {"notify": "hangup"}, "times": 1}"#).await;
        assert_eq!(begun, json!({"id": 1}));
        let wait = r#"{"wait": 1, "until": "felt", "limit": 0.05}"#;
        assert_eq!(
            ask(&mut stream, wait).await,
            json!({"reached": false, "felt": 0, "over": false})
        );
        assert!(mishaps.feels(&Mishap::Notify(super::super::Failure::Hangup)));
        assert_eq!(ask(&mut stream, wait).await, json!({"reached": true, "felt": 1, "over": true}));
        let id = mishaps.begin(Mishap::Mute, Span::Open);
        let list = ask(&mut stream, r#"{"list": true}"#).await;
        assert_eq!(list, json!({"on": [{"id": id, "mishap": "mute"}]}));
        assert_eq!(ask(&mut stream, r#"{"end": 2}"#).await, json!({"ended": 1}));
        assert_eq!(ask(&mut stream, r#"{"end": 2}"#).await, json!({"ended": 0}));
        assert_eq!(ask(&mut stream, r#"{"end_all": true}"#).await, json!({"ended": 0}));
        for bad in [
            "",
            "{}",
            r#"{"begin": "nonsense"}"#,
            r#"{"begin": {"bursts": -1}}"#,
            r#"{"begin": "mute", "fro": 1}"#,
            r#"{"end": 77}"#,
            r#"{"wait": 77, "until": "over", "limit": 1}"#,
            r#"{"wait": 1, "until": "over", "limit": -1}"#,
        ] {
            assert!(ask(&mut stream, bad).await["error"].is_string(), "{bad}");
        }
        server.abort();
    }
}
