//! The walls of docs/architecture.md: what each crate may depend on, and which imports there are.
#![allow(clippy::unwrap_used)] // the helpers of tests too

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crates, and those of the workspace that each may depend on.
const DIRECTIONS: &[(&str, &[&str])] = &[
    ("crates/go2_proto", &[]),
    ("crates/go2_client", &["go2_proto"]),
    ("crates/go2_server", &["go2_proto"]),
    ("crates/go2_gateway", &["go2_client", "go2_proto", "go2_server"]),
    ("crates/go2_sim", &["go2_proto", "go2_server"]),
    ("crates/go2", &["go2_client", "go2_gateway", "go2_proto"]),
    (".", &["go2_client", "go2_gateway", "go2_proto"]),
];
/// Crates without import loops.
const WITHOUT_LOOPS: &[&str] = &["crates/go2_proto", "crates/go2_client", "crates/go2_server"];
/// The longest file but for tables, in lines.
const LONGEST: usize = 620;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The source files below a folder, relative to it.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![PathBuf::new()];
    while let Some(part) = left.pop() {
        for entry in std::fs::read_dir(folder.join(&part)).unwrap() {
            let entry = entry.unwrap();
            let path = part.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

#[test]
fn the_protocol_needs_no_network_no_clock_and_no_log() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "-p",
            "go2_proto",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: BTreeSet<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains("serde_json"), "{names:?}");
    for forbidden in ["tokio", "reqwest", "webrtc", "tracing", "chrono", "r2r"] {
        assert!(!names.contains(forbidden), "go2_proto depends on {forbidden}");
    }
}

#[test]
fn imports_go_one_way() {
    for (crate_folder, allowed) in DIRECTIONS {
        let manifest = read(&format!("{crate_folder}/Cargo.toml"));
        let normal = manifest.split("\n[dependencies]\n").nth(1).unwrap();
        let normal = normal.split("\n[").next().unwrap();
        let ours = normal.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
        let ours: BTreeSet<_> = ours.filter(|name| name.starts_with("go2")).collect();
        assert_eq!(ours, allowed.iter().copied().collect(), "{crate_folder}");
        let ros = normal.lines().any(|line| line.starts_with("r2r"));
        assert_eq!(ros, *crate_folder == ".", "{crate_folder}");
    }
}

#[test]
fn the_libraries_know_no_ros() {
    let parameters = read("config/go2.yaml");
    let parameters =
        parameters.lines().filter_map(|line| line.trim().trim_start_matches("# ").split_once(':'));
    let parameters = parameters.map(|(name, _)| name).filter(|name| {
        name.contains('_')
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    });
    // Settings of the robot are parameters by the names that the table of the protocol gives them.
    let settings = read("crates/go2_proto/src/commands/settings.rs");
    let parameters: Vec<_> =
        parameters.filter(|name| !settings.contains(&format!("\"{name}\""))).collect();
    assert!(
        parameters.contains(&"robot_ip") && parameters.contains(&"aes_128_key"),
        "{parameters:?}"
    );
    for name in ["crates/go2_proto/src", "crates/go2_client/src"] {
        let folder = root().join(name);
        for file in sources(&folder) {
            let text = std::fs::read_to_string(folder.join(&file)).unwrap();
            let words: BTreeSet<_> =
                text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
            for forbidden in ["ROS", "rclpy", "rcl", "r2r", "cmd_vel"] {
                let named = words.contains(forbidden) && file != Path::new("lib.rs");
                assert!(!named, "{name}/{} speaks of {forbidden}", file.display());
            }
            // In messages; variables may have any name.
            for message in text.split('"').skip(1).step_by(2).filter(|text| text.contains(' ')) {
                let words = message.split('{').map(|part| part.rsplit('}').next().unwrap());
                let mut words = words.flat_map(|part| {
                    part.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                });
                let parameter = words.find(|word| parameters.contains(word));
                assert_eq!(parameter, None, "{name}/{}: {message}", file.display());
            }
        }
    }
}

#[test]
fn files_are_read_in_one_sitting() {
    for (crate_folder, _) in DIRECTIONS {
        let folder = root().join(crate_folder).join("src");
        for file in sources(&folder) {
            let lines = std::fs::read_to_string(folder.join(&file)).unwrap().lines().count();
            assert!(lines <= LONGEST, "{crate_folder}/src/{} has {lines} lines", file.display());
        }
    }
}

#[test]
fn no_file_imports_one_that_imports_it() {
    for name in WITHOUT_LOOPS {
        let modules = Modules::read(&root().join(name).join("src"));
        assert!(modules.imports.values().any(|imports| !imports.is_empty()), "{name}");
        assert_eq!(modules.a_loop(), None, "{name}");
    }
}

/// A module, by its path from the crate.
type Module = Vec<String>;

/// The modules of a crate, each a file, and what they import from each other; tests are left out.
struct Modules {
    imports: BTreeMap<Module, BTreeSet<Module>>,
}

impl Modules {
    fn read(folder: &Path) -> Self {
        let mut texts = BTreeMap::new();
        for file in sources(folder) {
            let name = file.with_extension("");
            let mut module: Module =
                name.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            let last = module.last().unwrap();
            if last.ends_with("tests") || last == "testing" {
                continue;
            }
            if ["mod", "lib", "main"].contains(&last.as_str()) {
                module.pop();
            }
            texts.insert(
                module,
                without_tests(&std::fs::read_to_string(folder.join(&file)).unwrap()),
            );
        }
        let exports = exports(&texts);
        let imports = texts
            .iter()
            .map(|(module, text)| {
                let uses = statements(text).filter(|(public, _)| !public).map(|(_, tree)| tree);
                let paths = uses.flat_map(|tree| paths(tree, &[])).chain(inline(text));
                let found = paths
                    .filter_map(|path| absolute(&path, module, &texts))
                    .filter_map(|path| defined_in(path, &texts, &exports))
                    .filter(|other| other != module);
                (module.clone(), found.collect())
            })
            .collect();
        Self { imports }
    }

    /// A module from which imports lead back to it.
    fn a_loop(&self) -> Option<Vec<Module>> {
        self.imports.keys().find_map(|start| {
            let mut way = vec![(start.clone(), None)];
            let mut next = 0;
            while let Some((module, _)) = way.get(next).cloned() {
                for import in &self.imports[&module] {
                    if import == start {
                        let mut found = vec![module];
                        let mut at = next;
                        while let Some(before) = way[at].1 {
                            at = before;
                            found.push(way[at].0.clone());
                        }
                        return Some(found);
                    }
                    if !way.iter().any(|(seen, _)| seen == import) {
                        way.push((import.clone(), Some(next)));
                    }
                }
                next += 1;
            }
            None
        })
    }
}

/// A file without comments, and without the tests at its end.
fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// The `use` statements, and whether each is public.
fn statements(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || loop {
        let at = rest.find("use ")?;
        let before = rest[..at].lines().next_back().unwrap_or_default().trim_start();
        let is_statement = (before.is_empty() && rest[..at].ends_with(['\n', ' '])) || at == 0;
        let public = before.starts_with("pub");
        let (statement, after) = rest[at + 4..].split_once(';')?;
        if is_statement || public {
            rest = after;
            return Some((public, statement));
        }
        rest = &rest[at + 4..];
    })
}

/// The paths that a tree of imports has.
fn paths(tree: &str, prefix: &[String]) -> Vec<Vec<String>> {
    let tree = tree.trim();
    let parts = |text: &str| -> Vec<String> {
        text.split("::")
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()
    };
    let Some((head, body)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap();
        return vec![[prefix, &parts(path)].concat()];
    };
    let prefix = [prefix, &parts(head)].concat();
    let body = body.rsplit_once('}').map_or(body, |(body, _)| body);
    let (mut depth, mut item, mut found) = (0, String::new(), Vec::new());
    for character in body.chars().chain([',']) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                if !item.trim().is_empty() {
                    found.extend(paths(&item, &prefix));
                }
                item.clear();
                continue;
            }
            _ => {}
        }
        item.push(character);
    }
    found
}

/// Paths in the code that begin with `crate` or `super`.
fn inline(text: &str) -> Vec<Vec<String>> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'));
    let path = |word: &str| -> Vec<String> { word.split("::").map(str::to_owned).collect() };
    words
        .filter(|word| word.starts_with("crate::") || word.starts_with("super::"))
        .map(path)
        .collect()
}

type Texts = BTreeMap<Module, String>;

/// A path from the crate; `None` where it leads out of it.
fn absolute(path: &[String], module: &Module, texts: &Texts) -> Option<Vec<String>> {
    let first = path.first()?;
    match first.as_str() {
        "crate" => Some(path[1..].to_vec()),
        "self" => Some([module.as_slice(), &path[1..]].concat()),
        "super" => {
            let ups = path.iter().take_while(|part| *part == "super").count();
            let from = module.get(..module.len().checked_sub(ups)?)?;
            Some([from, &path[ups..]].concat())
        }
        _ => {
            let child = [module.as_slice(), std::slice::from_ref(first)].concat();
            texts.contains_key(&child).then(|| [module.as_slice(), path].concat())
        }
    }
}

/// What modules make public of others.
fn exports(texts: &Texts) -> BTreeMap<Vec<String>, Vec<String>> {
    let mut exports = BTreeMap::new();
    for (module, text) in texts {
        for (_, tree) in statements(text).filter(|(public, _)| *public) {
            for path in paths(tree, &[]) {
                if let Some(target) = absolute(&path, module, texts) {
                    let name = [module.as_slice(), &path[path.len() - 1..]].concat();
                    exports.insert(name, target);
                }
            }
        }
    }
    exports
}

/// The module in which something is defined.
fn defined_in(
    mut path: Vec<String>,
    texts: &Texts,
    exports: &BTreeMap<Vec<String>, Vec<String>>,
) -> Option<Module> {
    for _ in 0..8 {
        let length = (0..=path.len()).rev().find(|length| texts.contains_key(&path[..*length]))?;
        match path.get(..length + 1).and_then(|name| exports.get(name)) {
            Some(target) => path = [target.as_slice(), &path[length + 1..]].concat(),
            None => return Some(path[..length].to_vec()),
        }
    }
    None
}

#[test]
fn loops_are_found() {
    let folder = std::env::temp_dir().join(format!("go2_walls_{}", std::process::id()));
    std::fs::create_dir_all(folder.join("a")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write("lib.rs", "mod a;\nmod b;\npub use a::inner::X;\n");
    write("a/mod.rs", "mod inner;\npub use inner::{X, Y as Z};\n");
    write("a/inner.rs", "use crate::b::{self, B};\npub struct X;\n");
    write("b.rs", "pub struct B;\n");
    assert_eq!(Modules::read(&folder).a_loop(), None);
    // By a re-export, down to the module that defines it.
    write("b.rs", "use super::X;\npub struct B;\n");
    assert_eq!(Modules::read(&folder).a_loop().map(|found| found.len()), Some(2));
    write("b.rs", "fn f() -> crate::a::inner::X { loop {} }\n");
    assert!(Modules::read(&folder).a_loop().is_some());
    write("b.rs", "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::X;\n}\n");
    assert_eq!(Modules::read(&folder).a_loop(), None);
    std::fs::remove_dir_all(folder).unwrap();
}
