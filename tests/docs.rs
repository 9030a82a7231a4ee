//! docs/commands.md lists what the tables of commands say. `UPDATE_DOCS=1 cargo test --test docs` writes it anew.

use std::fmt::Write as _;
use std::path::Path;

use go2_link::commands::{Action, Api, Danger, Domain, Kind, Read, ACTIONS, SETTINGS};

fn id(api: Option<Api>) -> String {
    match api {
        Some(api @ (Api::Plain(_) | Api::OnOnly(_))) => api.id().to_string(),
        Some(api @ Api::True(_)) => format!("{} `{{\"data\":true}}`", api.id()),
        Some(api @ Api::Flag(_)) => format!("{} `{{\"data\":bool}}`", api.id()),
        None => "-".to_owned(),
    }
}

fn actions() -> String {
    let mut table =
        "| service | type | normal | ai | mcf | busy, s | what |\n| --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for Action { name, kind, danger, takes, normal, ai, mcf, description } in ACTIONS {
        let takes = takes.as_secs();
        let kind = match kind {
            Kind::Once => "Trigger",
            Kind::Lasting => "SetBool",
        };
        let danger = if *danger == Danger::Acrobatic { " *Acrobatic*" } else { "" };
        let [normal, ai, mcf] = [normal, ai, mcf].map(|api| id(*api));
        let _ = writeln!(
            table,
            "| `~/{name}` | {kind} | {normal} | {ai} | {mcf} | {takes} | {description}.{danger} |"
        );
    }
    table
}

fn settings() -> String {
    let mut table = "| parameter | values | motion modes | read back | what |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for setting in SETTINGS {
        let values = match setting.domain {
            Domain::Switch => "true, false".to_owned(),
            Domain::Whole { least, most } => format!("whole, {least} to {most}"),
            Domain::Number { least, most } => format!("{least} to {most}"),
            Domain::Word(words) => words.join(", "),
        };
        let modes: Vec<_> = setting.spaces.iter().map(|space| space.name()).collect();
        let read = if setting.read == Read::Nothing { "no" } else { "yes" };
        let (name, modes, what) = (setting.name, modes.join(", "), setting.description);
        let _ = writeln!(table, "| `{name}` | {values} | {modes} | {read} | {what} |");
    }
    table
}

/// The text with what is between a heading comment and the end of it replaced.
fn with(text: &str, name: &str, table: &str) -> String {
    let start = format!("<!-- {name}: made by tests/docs.rs -->\n");
    let (before, after) =
        text.split_once(&start).unwrap_or_else(|| panic!("{name}: no place for the table"));
    let (_, after) = after.split_once("<!-- end -->").unwrap_or_else(|| panic!("{name}: no end"));
    format!("{before}{start}{table}<!-- end -->{after}")
}

#[test]
fn commands_are_documented_as_they_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/commands.md");
    let is = std::fs::read_to_string(&path).unwrap();
    let should = with(&with(&is, "actions", &actions()), "settings", &settings());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &should).unwrap();
    } else {
        assert!(
            is == should,
            "docs/commands.md is out of date: UPDATE_DOCS=1 cargo test --test docs"
        );
    }
}

/// Whether a test of this name stands in the text of a file in Rust, Python or JavaScript.
fn has_test(text: &str, name: &str) -> bool {
    [
        format!("fn {name}("),
        format!("def {name}("),
        format!("test('{name}'"),
        format!("test(\"{name}\""),
    ]
    .iter()
    .any(|form| text.contains(form))
}

#[test]
fn each_habit_of_real_robots_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = std::fs::read_to_string(root.join("tests/real-robots.md")).unwrap();
    // Below the head and the line under it.
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(!rows.is_empty());
    for (expected, row) in (1..).zip(rows) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, tests] = cells[..] else { panic!("three cells: {row}") };
        assert_eq!(number.parse(), Ok(expected), "{row}");
        let tests: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            let (file, name) =
                test.split_once("::").unwrap_or_else(|| panic!("file::name: {test}"));
            let text =
                std::fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
            assert!(has_test(&text, name), "{file} has no test {name}");
        }
    }
}
