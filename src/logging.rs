//! Log messages go where ROS's go: to the console in ROS's format, at the level of `--log-level`.

use std::fmt::Write as _;

use r2r::LogSeverity;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{filter::LevelFilter, Layer, Registry};

struct RosLayer {
    logger: String,
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl<S: Subscriber> Layer<S> for RosLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        message.0.retain(|character| character != '\0'); // what a robot or a user wrote; r2r would panic
        let metadata = event.metadata();
        let severity = match *metadata.level() {
            Level::ERROR => LogSeverity::Error,
            Level::WARN => LogSeverity::Warn,
            Level::INFO => LogSeverity::Info,
            Level::DEBUG | Level::TRACE => LogSeverity::Debug,
        };
        let (file, line) = (metadata.file().unwrap_or_default(), metadata.line().unwrap_or(0));
        r2r::log(&message.0, &self.logger, file, line, severity);
    }
}

/// Sends what is logged in this process to ROS, under the node's name. ROS filters by level.
pub(crate) fn to_ros(logger: &str) {
    let layer = RosLayer { logger: logger.to_owned() };
    let subscriber = Registry::default().with(layer.with_filter(LevelFilter::DEBUG));
    // A second call would fail; the first one stands.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
