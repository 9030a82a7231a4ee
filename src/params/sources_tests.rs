//! Sections of parameter files, and what of several sources counts.

use super::*;
use ParameterValue as P;

const NODE: &str = "/ns/go2_bridge";

/// ROS's arguments with a file of each text, and these after them.
struct Files {
    directory: std::path::PathBuf,
}

impl Files {
    fn new(test: &str) -> Self {
        let directory =
            std::env::temp_dir().join(format!("go2_sources_{}_{test}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        Self { directory }
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.directory.join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn arguments(texts: &[&str]) -> Vec<String> {
    std::iter::once(ROS_ARGUMENTS).chain(texts.iter().copied()).map(str::to_owned).collect()
}

#[test]
fn sections_fit_by_words() {
    let fitting = [
        "/**",
        "**",
        "/ns/go2_bridge",
        "ns/go2_bridge",
        "/**/go2_bridge",
        "/*/go2_bridge",
        "/ns/*",
        "/ns/**",
        "/*/*",
        "/**/ns/**",
    ];
    for section in fitting {
        assert!(matches(section, NODE), "{section}");
    }
    let others = [
        "go2_bridge",
        "/go2_bridge",
        "/*",
        "*",
        "/*/*/*",
        "/**/other",
        "/dog/go2_bridge",
        "/ns",
        "/ns/go2",
        "/ns/go2_bridge/*",
    ];
    for section in others {
        assert!(!matches(section, NODE), "{section}");
    }
    for section in ["go2_bridge", "/go2_bridge", "/*", "*", "/**", "/**/go2_bridge"] {
        assert!(matches(section, "/go2_bridge"), "{section}");
    }
    for section in ["/*/go2_bridge", "/ns/go2_bridge", "/*/**/x"] {
        assert!(!matches(section, "/go2_bridge"), "{section}");
    }
}

#[test]
fn arguments_of_other_flags_are_no_parameters() {
    let texts = ["-r", "-p", "-p", "a:=1", "--log-level", "--params-file", "--", "-p", "b:=2"];
    assert_eq!(holders(&arguments(&texts)), [Argument::Single("a:=1".into())]);
    // What is not complete is left to rcl.
    assert_eq!(holders(&arguments(&["-p"])), []);
}

#[test]
fn what_comes_later_goes_before_whatever_its_type_and_section() {
    let files = Files::new("later");
    let file = files.file(
        "a.yaml",
        "/**: {ros__parameters: {max_linear_x: 1, max_linear_y: 0.1}}\n\
         /ns/go2_bridge: {ros__parameters: {max_linear_x: 2, volume: 3}}\n",
    );
    let texts = [
        "--params-file",
        &file,
        "-p",
        "max_linear_x:=0.5",
        "-p",
        "volume:=null",
        "-p",
        "max_linear_y:=''",
    ];
    let given = given(&read(&arguments(&texts)).unwrap(), NODE);
    assert_eq!(given.values["max_linear_x"].0, P::Double(0.5));
    // Not set is as if it was not there.
    assert_eq!(given.values["volume"].0, P::Integer(3));
    assert_eq!(given.values["max_linear_y"].0, P::Double(0.1));
    assert!(given.passed_over.is_empty());
}

#[test]
fn nested_namespaces_are_one_name() {
    let files = Files::new("nested");
    let file = files.file(
        "a.yaml",
        "ns:\n  go2_bridge:\n    ros__parameters:\n      battery_warn: 0.5\n      qos_overrides:\n        a: 1\n",
    );
    let given = given(&read(&arguments(&["--params-file", &file])).unwrap(), NODE);
    assert_eq!(given.values["battery_warn"], (P::Double(0.5), Reach::Own));
    assert_eq!(given.values["qos_overrides.a"].0, P::Integer(1));
}

#[test]
fn a_source_for_others_is_told() {
    let files = Files::new("others");
    let file = files.file("a.yaml", "/go2_bridge: {ros__parameters: {volume: 3}}\n");
    let empty = files.file("b.yaml", "");
    let texts = ["--params-file", &file, "--params-file", &empty, "-p", "other:volume:=4"];
    let given = given(&read(&arguments(&texts)).unwrap(), NODE);
    assert!(given.values.is_empty());
    let told = given.passed_over;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains(&file) && told[0].contains(NODE) && told[0].contains("/go2_bridge"));
    assert!(told[1].contains(&empty) && told[1].contains("no parameters"));
    assert!(told[2].contains("other:volume") && !told[2].contains('4'));
}

#[test]
fn reach_says_whether_a_wildcard_was_meant() {
    let files = Files::new("reach");
    let text = "/**: {ros__parameters: {a: 1}}\n/ns/go2_bridge: {ros__parameters: {b: 1}}\n";
    let file = files.file("a.yaml", text);
    let given = given(&read(&arguments(&["--params-file", &file, "-p", "c:=1"])).unwrap(), NODE);
    let reaches: Vec<_> = given.values.values().map(|(_, reach)| *reach).collect();
    assert_eq!(reaches, [Reach::Wildcard, Reach::Own, Reach::Own]);
}

#[test]
fn what_cannot_be_read_is_told_in_one_sentence_without_values() {
    let files = Files::new("broken");
    let broken = files.file("a.yaml", "/**: {ros__parameters: {volume: [1, \n");
    let bare = files.file("b.yaml", "/**:\n  ros__parameters:\n    volume:\n");
    let missing = files.directory.join("missing.yaml").to_str().unwrap().to_owned();
    let directory = files.directory.to_str().unwrap().to_owned();
    let error = |texts: &[&str]| read(&arguments(texts)).unwrap_err().to_string();
    for (file, word) in [
        (&broken, "line"),
        (&bare, "No value at line 3"),
        (&missing, "No such file"),
        (&directory, "directory"),
    ] {
        let told = error(&["--params-file", file]);
        assert!(told.starts_with(&format!("parameter file {file}: ")), "{told}");
        assert!(told.contains(word) && !told.contains(".c:") && !told.contains('\n'), "{told}");
    }
    for (rule, name) in
        [("token=abracadabra", "token"), ("token:=", "token"), ("abra cadabra", "abra")]
    {
        let told = error(&["-p", rule]);
        assert!(told.contains(&format!("-p {name}:")) && told.contains("name:=value"), "{told}");
        assert!(!told.contains("cadabra") && !told.contains(".c:"), "{told}");
    }
}
