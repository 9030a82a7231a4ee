//! docs/commands.md lists what the tables of commands say. `UPDATE_DOCS=1 cargo test -p go2_bridge --test docs` writes it anew.
//! The other pages name tests that exist, and link to what is there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use go2_proto::commands::{Action, Api, Danger, Domain, Kind, Read, Travel, ACTIONS, SETTINGS};

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
        "| service | type | normal | ai | mcf | busy, s | walks by itself | what |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for Action { name, kind, danger, takes, normal, ai, mcf, travel, description } in ACTIONS {
        let takes = takes.as_secs();
        let kind = match kind {
            Kind::Once => "Trigger",
            Kind::Lasting => "SetBool",
        };
        let travel = match travel {
            Travel::Stays => "no",
            Travel::Leaves => "may",
            Travel::Ended => "ended by a stop",
            Travel::EndedIfOurs => "ended by a stop, if it was switched on here",
            Travel::EndedAtRest => "ended by a stop, at rest",
        };
        let danger = if *danger == Danger::Acrobatic { " *Acrobatic*" } else { "" };
        let [normal, ai, mcf] = [normal, ai, mcf].map(|api| id(*api));
        let _ = writeln!(
            table,
            "| `~/{name}` | {kind} | {normal} | {ai} | {mcf} | {takes} | {travel} | {description}.{danger} |"
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
            "docs/commands.md is out of date: UPDATE_DOCS=1 cargo test -p go2_bridge --test docs"
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

/// The rows of the table that begins with a head, each with its cells.
fn rows(text: &str, head: &str) -> Vec<Vec<String>> {
    let (_, table) = text.split_once(head).unwrap_or_else(|| panic!("no table: {head}"));
    // Below the head and the line under it.
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| "));
    let cells =
        |row: &str| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let rows: Vec<_> = rows.map(cells).collect();
    assert!(!rows.is_empty(), "no rows: {head}");
    rows
}

/// Holds each `file::name` of a cell to a test of that name in that file. There is one at least.
fn tests_are_there(cell: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    assert!(!tests.is_empty(), "no test: {cell}");
    for test in tests {
        let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("file::name: {test}"));
        let text =
            std::fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(has_test(&text, name), "{file} has no test {name}");
    }
}

#[test]
fn each_habit_of_real_robots_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("tests/real-robots.md")).unwrap();
    let (head, _) = text.split_once("\n| ---").unwrap();
    let head = head.lines().last().unwrap();
    for (expected, row) in (1..).zip(rows(&text, head)) {
        let [number, _, tests] = &row[..] else { panic!("three cells: {row:?}") };
        assert_eq!(number.parse(), Ok(expected), "{row:?}");
        tests_are_there(tests);
    }
}

#[test]
fn each_bound_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    for row in rows(&text, "| who | what | at most | test |") {
        let [_, _, bound, tests] = &row[..] else { panic!("four cells: {row:?}") };
        assert!(bound.chars().any(|c| c.is_ascii_digit()), "a figure: {row:?}");
        tests_are_there(tests);
    }
}

#[test]
fn each_cause_of_a_stop_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("docs/commands.md")).unwrap();
    let rows = rows(&text, "| what happens | what the robot is sent | when | tests |");
    assert!(rows.len() >= 10, "{}", rows.len());
    for row in rows {
        let [cause, _, _, tests] = &row[..] else { panic!("four cells: {row:?}") };
        assert!(!cause.is_empty());
        tests_are_there(tests);
    }
}

/// The text of a file.
fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The pages in the root and everywhere under docs/.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned(), root.join("docs")];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder)
            .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
            .flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            } else if path.is_dir() && folder.as_path() != root {
                folders.push(path);
            }
        }
    }
    found
}

/// A page without its fenced blocks of code.
fn prose(page: &str) -> String {
    let mut fenced = false;
    let lines = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a page: those of its headings, as GitHub makes them, of which one that is there already gets a number; and those
/// that it sets itself.
fn anchors(page: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let set = page.split("<a id=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    let mut anchors: Vec<_> = set.map(|(name, _)| name.to_owned()).collect();
    for line in prose(page).lines() {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let name = title.trim().to_lowercase();
        let name: String = name.chars().filter(kept).collect::<String>().replace(' ', "-");
        let before = names.iter().filter(|other| **other == name).count();
        anchors.push(if before == 0 { name.clone() } else { format!("{name}-{before}") });
        names.push(name);
    }
    anchors
}

/// The targets of a page's links.
fn links(page: &str) -> Vec<String> {
    let text = prose(page);
    let parts: Vec<&str> = text.split('`').collect();
    assert!(parts.len() % 2 == 1, "a span of code without an end: {text}");
    // Every second part is code.
    let text: String = parts.into_iter().step_by(2).collect();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    targets.map(|(target, _)| target.to_owned()).collect()
}

/// Whether a link of a page leads to a file or an anchor that is there. Those to other places are not followed.
fn resolves(page: &Path, link: &str) -> bool {
    if link.contains("://") || link.starts_with("mailto:") {
        return true;
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = match page.parent() {
        Some(folder) if !file.is_empty() => folder.join(file),
        _ => page.to_owned(),
    };
    if anchor.is_empty() {
        return target.exists();
    }
    target.is_file() && anchors(&read(&target)).iter().any(|other| other == anchor)
}

#[test]
fn links_resolve() {
    let mut all = 0;
    let mut broken = Vec::new();
    for page in pages() {
        for link in links(&read(&page)) {
            all += 1;
            if !resolves(&page, &link) {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(all > 100, "only {all} links were found");
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn anchors_are_those_of_github() {
    let page =
        "# The console, and `~/hold`\n\n```sh\n# no heading\n```\n## A\n\n#1 is text\n\n<a id=\"s1\"></a>\n## A\n";
    assert_eq!(anchors(page), ["s1", "the-console-and-hold", "a", "a-1"]);
    assert_eq!(links("[`a`](b.md#c), `[x](y)`\n```\n[no](no)\n```\n[d](#e)"), ["b.md#c", "#e"]);
}

#[test]
fn the_readme_is_short() {
    let text = read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let lines = text.lines().count();
    assert!(lines <= 120, "{lines} lines: put it into a page of docs/");
}

#[test]
fn each_error_code_is_in_the_reference() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A test of go2_link holds these headings to its errors.
    let remedies = read(&root.join("docs/troubleshooting.md"));
    let codes = remedies.lines().filter_map(|line| line.strip_prefix("## GO2-"));
    let expected: Vec<String> = codes
        .map(|code| format!("[GO2-{code}](../troubleshooting.md#go2-{})", code.to_lowercase()))
        .collect();
    let table = rows(&read(&root.join("docs/reference/errors.md")), "| code | meaning |");
    let listed: Vec<&String> = table.iter().filter_map(|row| row.first()).collect();
    assert_eq!(listed, expected.iter().collect::<Vec<_>>());
}
