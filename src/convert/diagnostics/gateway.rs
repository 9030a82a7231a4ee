//! Browsers that share the robot.

use r2r::diagnostic_msgs::msg::DiagnosticStatus;

use super::{status, Report, OK};
use crate::gateway::Helm;

/// Nothing where there is no gateway.
pub(super) fn gateway(report: &Report<'_>) -> Option<DiagnosticStatus> {
    let address = report.settings.gateway.as_ref()?;
    let Helm { viewers, taken, .. } = report.helm;
    let viewing = match viewers {
        0 => "no viewer".to_owned(),
        1 => "1 viewer".to_owned(),
        more => format!("{more} viewers"),
    };
    let (driver, driving) = if taken {
        ("viewer", "a viewer drives and cmd_vel is ignored")
    } else {
        ("ROS", "ROS drives")
    };
    let values = [
        ("address", address.clone()),
        ("viewers", viewers.to_string()),
        ("driver", driver.to_owned()),
    ];
    let values = values.map(|(key, value)| (key.to_owned(), value)).into();
    Some(status(report, "gateway", OK, format!("{viewing}; {driving}"), values))
}
