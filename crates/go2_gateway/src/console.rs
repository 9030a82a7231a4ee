//! The page and its parts, as they are in the binary.

use axum::http::{header, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Nothing but what the gateway serves itself: no page can be made to run what somebody else wrote.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
     media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

macro_rules! file {
    ($name:literal, $kind:expr) => {
        ($name, $kind, include_str!(concat!("../console/", $name)))
    };
}

/// Name, type and text of each.
const FILES: &[(&str, &str, &str)] = &[
    file!("commands.js", SCRIPT),
    file!("connection.js", SCRIPT),
    file!("controls.css", CSS),
    file!("drive.js", SCRIPT),
    file!("hold.js", SCRIPT),
    file!("icon.svg", ICON),
    file!("index.html", HTML),
    file!("input.js", SCRIPT),
    file!("lz4.js", SCRIPT),
    file!("main.js", SCRIPT),
    file!("map.js", SCRIPT),
    file!("marks.js", SCRIPT),
    file!("md5.js", SCRIPT),
    file!("panels.css", CSS),
    file!("phone.css", CSS),
    file!("pictures.js", SCRIPT),
    file!("protocol.js", SCRIPT),
    file!("session.js", SCRIPT),
    file!("style.css", CSS),
    file!("view.js", SCRIPT),
    file!("voxels.js", SCRIPT),
    file!("words.js", SCRIPT),
];

/// A file by its name; the page itself for none.
pub(crate) fn file(name: &str) -> Response {
    let name = if name.is_empty() { "index.html" } else { name };
    let Some((_, kind, text)) = FILES.iter().find(|(file, ..)| *file == name) else {
        return (StatusCode::NOT_FOUND, "there is no such file").into_response();
    };
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, *text).into_response()
}

#[cfg(test)]
mod tests {
    use go2_proto::state::Fault;

    use super::*;

    #[test]
    fn every_file_of_the_console_is_served() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/console");
        let mut there: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| [".html", ".css", ".js", ".svg"].iter().any(|end| name.ends_with(end)))
            .collect();
        there.sort();
        let mut served: Vec<_> = FILES.iter().map(|(name, ..)| (*name).to_owned()).collect();
        served.sort();
        assert_eq!(there, served);
        assert_eq!(file("").status(), StatusCode::OK);
        assert_eq!(file("../Cargo.toml").status(), StatusCode::NOT_FOUND);
    }

    /// The console says of faults what the node says; Node reads the same file. `UPDATE_CONSOLE=1` writes it anew.
    #[test]
    fn the_words_for_faults_are_those_of_the_node() {
        // At the default of motor_temperature_warn, degrees Celsius.
        const HOT: f64 = 70.0;
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/console/tests/faults.json");
        let sources = [100, 200, 300, 301, 309, 312, 400, 500, 600, 700, 3000, 3011, 12345];
        let codes = [0x01, 0x02, 0x04, 0x05, 0x08, 0x10, 0x20, 0x40, 0x80, 0x100];
        let mut lines = Vec::new();
        for (source, code) in sources.iter().flat_map(|source| codes.map(|code| (*source, code))) {
            for hottest in [None, Some(55.0), Some(HOT)] {
                let (_, words) = Fault { source, code }.told(hottest, HOT);
                lines.push(serde_json::json!([source, code, hottest, words]).to_string());
            }
        }
        let text = format!("[\n{}\n]\n", lines.join(",\n"));
        if std::env::var_os("UPDATE_CONSOLE").is_some() {
            std::fs::write(path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), text);
    }
}
