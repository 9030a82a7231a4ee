//! ROS's parameter services. r2r has some of its own, which take several values one after the other, even where only all
//! together make sense, and tell the types of when the node started.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use futures::FutureExt as _;
use r2r::rcl_interfaces::msg::{
    FloatingPointRange, IntegerRange, ListParametersResult, Parameter, ParameterDescriptor,
    ParameterValue as Message, SetParametersResult,
};
use r2r::rcl_interfaces::srv::{
    DescribeParameters, GetParameterTypes, GetParameters, ListParameters, SetParameters,
    SetParametersAtomically,
};
use r2r::{ParameterValue, WrappedServiceTypeSupport};

use super::table::{self, Kind};
use super::{Refused, Store};
use crate::intake::{replies, Intake, MOST_CALLS};
use go2_proto::commands::Domain;

/// Between the parts of a parameter's name.
const SEPARATOR: char = '.';

/// Serves them, and takes the time from `/clock` where `use_sim_time` says so. They answer while the future is polled.
pub(crate) fn serve(
    node: &mut r2r::Node,
    intake: &mut Intake,
    store: &Arc<Mutex<Store>>,
) -> r2r::Result<impl Future<Output = ()> + Send> {
    let mut servers = Servers { node, intake, store };
    if locked(store).uses_sim_time() {
        let source = servers.node.get_time_source();
        source.enable_sim_time(servers.node)?;
    }
    let get = servers.answer::<GetParameters::Service>("~/get_parameters", |store, request| {
        let values = request.names.iter().map(|name| message(&value(store, name))).collect();
        GetParameters::Response { values }
    })?;
    let types = servers.answer::<GetParameterTypes::Service>(
        "~/get_parameter_types",
        |store, request| {
            let types = request.names.iter().map(|name| message(&value(store, name)).type_);
            GetParameterTypes::Response { types: types.collect() }
        },
    )?;
    let list = servers.answer::<ListParameters::Service>("~/list_parameters", list)?;
    let describe = servers.answer::<DescribeParameters::Service>(
        "~/describe_parameters",
        |store, request| {
            let descriptors = request.names.iter().map(|name| describe(store, name)).collect();
            DescribeParameters::Response { descriptors }
        },
    )?;
    let set = servers.answer::<SetParameters::Service>("~/set_parameters", |store, request| {
        let changes = read(&request.parameters);
        let results = store.change_each(changes.iter().map(|(name, value)| (*name, value)));
        SetParameters::Response { results: results.into_iter().map(result).collect() }
    })?;
    let set_all = servers.answer::<SetParametersAtomically::Service>(
        "~/set_parameters_atomically",
        |store, request| {
            let changes = read(&request.parameters);
            let result = match store.change_all(changes.iter().map(|(name, value)| (*name, value)))
            {
                Ok(()) => result(Ok(())),
                Err((name, refused)) => {
                    SetParametersResult { successful: false, reason: format!("{name}: {refused}") }
                }
            };
            SetParametersAtomically::Response { result }
        },
    )?;
    Ok(join_all([get, types, list, describe, set, set_all]).map(|_| ()))
}

fn locked(store: &Mutex<Store>) -> MutexGuard<'_, Store> {
    store.lock().unwrap_or_else(PoisonError::into_inner)
}

type Answers = futures::future::BoxFuture<'static, ()>;

/// Where the services are created.
struct Servers<'a> {
    node: &'a mut r2r::Node,
    intake: &'a mut Intake,
    store: &'a Arc<Mutex<Store>>,
}

impl Servers<'_> {
    /// Creates a service that is answered at once.
    fn answer<S>(
        &mut self,
        name: &str,
        response: impl Fn(&mut Store, &S::Request) -> S::Response + Send + 'static,
    ) -> r2r::Result<Answers>
    where
        S: WrappedServiceTypeSupport + 'static,
        S::Request: Send,
        S::Response: Default + Send,
    {
        // Their answers have no place for a reason.
        let mut calls = self.intake.serve::<S>(self.node, name, |_| S::Response::default())?;
        let store = Arc::clone(self.store);
        let (replies, sending) = replies(MOST_CALLS);
        let serving = async move {
            while let Some(call) = calls.one().await {
                let response = response(&mut locked(&store), &call.message);
                replies.send(call, response).await;
            }
        };
        Ok(async move { _ = tokio::join!(serving, sending) }.boxed())
    }
}

fn read(parameters: &[Parameter]) -> Vec<(&str, ParameterValue)> {
    let read = |parameter: &'_ Parameter| {
        let message = &parameter.value;
        match message.type_ {
            1 => ParameterValue::Bool(message.bool_value),
            2 => ParameterValue::Integer(message.integer_value),
            3 => ParameterValue::Double(message.double_value),
            4 => ParameterValue::String(message.string_value.clone()),
            5 => ParameterValue::ByteArray(message.byte_array_value.clone()),
            6 => ParameterValue::BoolArray(message.bool_array_value.clone()),
            7 => ParameterValue::IntegerArray(message.integer_array_value.clone()),
            8 => ParameterValue::DoubleArray(message.double_array_value.clone()),
            9 => ParameterValue::StringArray(message.string_array_value.clone()),
            _ => ParameterValue::NotSet,
        }
    };
    parameters.iter().map(|parameter| (parameter.name.as_str(), read(parameter))).collect()
}

fn message(value: &ParameterValue) -> Message {
    let mut message = Message::default();
    match value.clone() {
        ParameterValue::NotSet => {}
        ParameterValue::Bool(on) => (message.type_, message.bool_value) = (1, on),
        ParameterValue::Integer(number) => (message.type_, message.integer_value) = (2, number),
        ParameterValue::Double(number) => (message.type_, message.double_value) = (3, number),
        ParameterValue::String(text) => (message.type_, message.string_value) = (4, text),
        ParameterValue::ByteArray(list) => (message.type_, message.byte_array_value) = (5, list),
        ParameterValue::BoolArray(list) => (message.type_, message.bool_array_value) = (6, list),
        ParameterValue::IntegerArray(list) => {
            (message.type_, message.integer_array_value) = (7, list);
        }
        ParameterValue::DoubleArray(list) => {
            (message.type_, message.double_array_value) = (8, list);
        }
        ParameterValue::StringArray(list) => {
            (message.type_, message.string_array_value) = (9, list);
        }
    }
    message
}

/// Not set where there is no such parameter.
fn value(store: &Store, name: &str) -> ParameterValue {
    store.get_parameter(name).unwrap_or(ParameterValue::NotSet)
}

fn result(result: Result<(), Refused>) -> SetParametersResult {
    SetParametersResult {
        successful: result.is_ok(),
        reason: result.err().map_or_else(String::new, |refused| refused.to_string()),
    }
}

fn list(store: &mut Store, request: &ListParameters::Request) -> ListParameters::Response {
    let recursive = request.depth == ListParameters::Request::DEPTH_RECURSIVE as u64;
    let fits = |rest: &str| recursive || (rest.matches(SEPARATOR).count() as u64) < request.depth;
    let wanted = |name: &&str| {
        request.prefixes.is_empty() && fits(name)
            || request.prefixes.iter().any(|prefix| {
                let rest = name.strip_prefix(prefix.as_str());
                rest.is_some_and(|rest| {
                    rest.is_empty() || rest.starts_with(SEPARATOR) && fits(rest)
                })
            })
    };
    let names: Vec<_> = store.names().filter(wanted).map(str::to_owned).collect();
    let mut prefixes: Vec<_> = names
        .iter()
        .filter_map(|name| name.rsplit_once(SEPARATOR).map(|(prefix, _)| prefix.to_owned()))
        .collect();
    prefixes.dedup();
    ListParameters::Response { result: ListParametersResult { names, prefixes } }
}

fn describe(store: &Store, name: &str) -> ParameterDescriptor {
    let mut told = ParameterDescriptor {
        name: name.to_owned(),
        type_: message(&value(store, name)).type_,
        ..Default::default()
    };
    let Some(spec) = table::spec(name) else { return told };
    told.description = spec.description.to_owned();
    told.read_only = !spec.live;
    // Not set until the robot tells it.
    told.dynamic_typing = matches!(spec.kind, Kind::Setting(_) | Kind::MotionMode);
    let domain = match spec.kind {
        Kind::Number { least, most, .. } => Some(Domain::Number { least, most }),
        Kind::Setting(setting) => Some(setting.domain),
        Kind::Choice(words) => Some(Domain::Word(words)),
        _ => None,
    };
    match domain {
        Some(Domain::Number { least, most }) => {
            let range = FloatingPointRange { from_value: least, to_value: most, step: 0.0 };
            told.floating_point_range = vec![range];
        }
        Some(Domain::Whole { least, most }) => {
            told.integer_range = vec![IntegerRange { from_value: least, to_value: most, step: 1 }];
        }
        Some(Domain::Word(words)) => told.additional_constraints = format!("one of {words:?}"),
        Some(Domain::Switch) | None => {}
    }
    told
}
