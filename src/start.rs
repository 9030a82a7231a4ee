//! From arguments to a node with its parameters.

use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::arguments;
use crate::graph::Watch;
use crate::params::{self, Refused, SecretError, Settings, SourceError, Store};
use crate::rcl;

const NAME: &str = "go2_bridge";

/// Why there is no node. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    #[error("{0}")]
    Ros(String),
    #[error("ROS: {0}")]
    Binding(#[from] r2r::Error),
    #[error(
        "\"{0}\" is not an argument: parameters are given as name:=value, see go2_bridge --help"
    )]
    Argument(String),
    #[error("parameter {0}: {1}")]
    Parameter(String, Refused),
    #[error("parameter {0}")]
    Secret(#[from] SecretError),
    #[error("{0}")]
    Source(#[from] SourceError),
}

/// A node with the values that its parameters were given.
pub(crate) struct Started {
    pub(crate) node: r2r::Node,
    pub(crate) store: Arc<Mutex<Store>>,
    /// What is in the store.
    pub(crate) settings: watch::Receiver<Arc<Settings>>,
    /// To be asked after each turn of the node.
    pub(crate) graph: Watch,
}

/// Makes the node of this program's own arguments and ROS's.
pub(crate) fn node(own: &[String], ros: &[String]) -> Result<Started, NodeError> {
    params::check_arguments(own.iter().chain(ros).cloned())?;
    let sources = params::read(ros)?;
    let arguments = rcl::Arguments::parse(ros).map_err(|error| {
        let form =
            if error.contains("remap rule") { ": names are remapped by -r FROM:=TO" } else { "" };
        NodeError::Ros(format!("arguments of ROS: {error}{form}"))
    })?;
    // r2r gives rcl all arguments. It takes name:=value for a remapping in a form that is long gone: the warning would be
    // in vain, and no topic or service has the name of a parameter.
    let context = rcl::quietly(rcl::context).map_err(NodeError::Ros)?;
    let node = rcl::node(context, NAME).map_err(NodeError::Ros)?;
    let name = node.fully_qualified_name()?;
    tracing::info!("{} is {name}", arguments::version());

    let mut store = Store::new();
    let given = params::given(&sources, &name);
    let left_out =
        store.begin(given).map_err(|(name, refused)| NodeError::Parameter(name, refused))?;
    for words in left_out {
        tracing::warn!("{words}");
    }
    take_arguments(&mut store, own)?;
    let settings = store.settings();
    let graph = Watch::new(&node, &arguments, settings.borrow().stamped_cmd_vel)?;
    Ok(Started { node, store: Arc::new(Mutex::new(store)), settings, graph })
}

/// Takes the values of arguments. They go before parameter files.
fn take_arguments(store: &mut Store, arguments: &[String]) -> Result<(), NodeError> {
    for argument in arguments {
        let Some((name, value)) = argument.split_once(":=") else {
            let shown = argument.split('=').next().unwrap_or_default(); // behind it may be a secret
            return Err(NodeError::Argument(shown.to_owned()));
        };
        let taken = store.argument(name, value);
        taken.map_err(|refused| NodeError::Parameter(name.to_owned(), refused))?;
    }
    Ok(())
}
