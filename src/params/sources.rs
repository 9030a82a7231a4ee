//! Which of the parameters on the command line are for this node. rcl reads them; what a section's name fits is decided by
//! each client library, here as rclcpp and rclpy do it.

use r2r::indexmap::IndexMap;
use r2r::ParameterValue;

use super::check::{is_hidden, meant};
use super::table;
use crate::rcl::{Arguments, Section};

const ROS_ARGUMENTS: &str = "--ros-args";
const PARAMETERS_FILE: &str = "--params-file";
/// So many section names of a file are told.
const NAMES_TOLD: usize = 5;

/// Why ROS's arguments cannot be taken. Never holds a value, which may be a secret.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum SourceError {
    #[error("parameter file {file}: {reason}")]
    File { file: String, reason: String },
    #[error("-p {name}: not a parameter: give it as -p name:=value{reason}")]
    Parameter { name: String, reason: String },
}

/// One argument that holds parameters.
#[derive(Debug)]
pub(crate) struct Source {
    argument: Argument,
    sections: Vec<Section>,
}

#[derive(Debug, Clone, PartialEq)]
enum Argument {
    File(String),
    Single(String),
}

/// Whom a parameter was meant for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Reach {
    /// This node: by its own name, or as an argument of this process.
    Own,
    /// Every node that a wildcard fits.
    Wildcard,
}

/// The parameters that are for one node.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) values: IndexMap<String, (ParameterValue, Reach)>,
    /// What nothing was taken of, in words.
    pub(crate) passed_over: Vec<String>,
    /// Secrets of which a dump holds nothing but that there was one.
    pub(crate) hidden: Vec<&'static str>,
}

/// Reads all arguments that hold parameters, in their order.
pub(crate) fn read(arguments: &[String]) -> Result<Vec<Source>, SourceError> {
    holders(arguments).into_iter().map(Source::read).collect()
}

/// The arguments that hold parameters. What is not complete is left to rcl, which refuses it.
fn holders(arguments: &[String]) -> Vec<Argument> {
    let mut found = vec![];
    let mut of_ros = false;
    let mut arguments = arguments.iter().map(String::as_str);
    while let Some(argument) = arguments.next() {
        match argument {
            ROS_ARGUMENTS => of_ros = true,
            "--" => of_ros = false,
            _ if !of_ros => {}
            PARAMETERS_FILE => {
                found.extend(arguments.next().map(|path| Argument::File(path.to_owned())));
            }
            "-p" | "--param" => {
                found.extend(arguments.next().map(|rule| Argument::Single(rule.to_owned())));
            }
            // These have a value, which may look like a flag.
            "-r" | "--remap" | "--log-level" | "--log-config-file" | "--log-file-name" | "-e"
            | "--enclave" => {
                arguments.next();
            }
            _ => {}
        }
    }
    found
}

impl Source {
    fn read(argument: Argument) -> Result<Self, SourceError> {
        let (flag, value) = match &argument {
            Argument::File(path) => (PARAMETERS_FILE, path),
            Argument::Single(rule) => ("-p", rule),
        };
        if let Argument::File(path) = &argument {
            readable(path).map_err(|error| SourceError::File {
                file: path.clone(),
                reason: error.to_string(),
            })?;
        }
        let texts = [ROS_ARGUMENTS, flag, value].map(str::to_owned);
        let sections = Arguments::parse(&texts)
            .and_then(|parsed| parsed.sections())
            .map_err(|error| argument.refused(&error))?;
        Ok(Self { argument, sections })
    }
}

impl Argument {
    fn refused(&self, error: &str) -> SourceError {
        // rcl repeats the argument before it.
        let reason = error.rsplit_once("Error: ").map_or(error, |(_, reason)| reason).trim();
        match self {
            Self::File(file) => SourceError::File { file: file.clone(), reason: reason.to_owned() },
            Self::Single(rule) => {
                let end = rule.find(['=', ' ']).unwrap_or(rule.len());
                let name = rule[..end].trim_end_matches(':').to_owned();
                let reason = match reason {
                    reason if reason.starts_with("Couldn't") => String::new(), // it names none
                    reason => format!(" ({reason})"),
                };
                SourceError::Parameter { name, reason }
            }
        }
    }
}

fn readable(path: &str) -> std::io::Result<()> {
    if std::fs::File::open(path)?.metadata()?.is_dir() {
        return Err(std::io::Error::other("it is a directory"));
    }
    Ok(())
}

/// What of the sources is for a node, by its full name. What comes later goes before what came earlier, unless it says that
/// something is not set.
pub(crate) fn given(sources: &[Source], node: &str) -> Given {
    let mut given = Given::default();
    for source in sources {
        let mut fits =
            source.sections.iter().filter(|section| matches(&section.name, node)).peekable();
        if fits.peek().is_none() {
            given.passed_over.push(source.passed_over(node));
        }
        for section in fits {
            let of_all = section.name.contains('*') && matches!(source.argument, Argument::File(_));
            let reach = if of_all { Reach::Wildcard } else { Reach::Own };
            for (name, value) in &section.values {
                given.take(name, value, reach);
            }
        }
    }
    given
}

impl Given {
    /// Takes one, unless it says that it is not set.
    pub(super) fn take(&mut self, name: &str, value: &ParameterValue, reach: Reach) {
        let Some(spec) = table::spec(name) else {
            self.values.insert(name.to_owned(), (value.clone(), reach));
            return;
        };
        if is_hidden(spec.kind, value) {
            self.hidden.push(spec.name);
        }
        let value = meant(spec.kind, value);
        if value != ParameterValue::NotSet {
            self.values.insert(name.to_owned(), (value, reach));
        }
    }
}

impl Source {
    /// That nothing of it is for a node.
    fn passed_over(&self, node: &str) -> String {
        let mut names: Vec<_> = self.sections.iter().map(|section| section.name.as_str()).collect();
        let more = if names.len() > NAMES_TOLD { ", ..." } else { "" };
        names.truncate(NAMES_TOLD);
        let names = names.join(", ");
        match &self.argument {
            Argument::File(path) if names.is_empty() => {
                format!("parameter file {path} has no parameters: nothing of it is taken")
            }
            Argument::File(path) => format!(
                "parameter file {path} has no section for {node}, only for {names}{more}: nothing of it is taken"
            ),
            Argument::Single(rule) => {
                let name = rule.split(":=").next().unwrap_or_default();
                format!("-p {name} is for another node than {node}: it is not taken")
            }
        }
    }
}

/// Whether a section's name fits a node's full name: `*` is one word of it, `**` any number of words.
fn matches(section: &str, node: &str) -> bool {
    fn fit(pattern: &[&str], words: &[&str]) -> bool {
        match (pattern, words) {
            ([], _) => words.is_empty(),
            (["**", rest @ ..], _) => (0..=words.len()).any(|count| fit(rest, &words[count..])),
            ([first, rest @ ..], [word, others @ ..]) => {
                (*first == "*" || first == word) && fit(rest, others)
            }
            _ => false,
        }
    }
    fit(&words(section), &words(node))
}

fn words(name: &str) -> Vec<&str> {
    name.trim_start_matches('/').split('/').collect()
}

#[cfg(test)]
#[path = "sources_tests.rs"]
mod tests;
