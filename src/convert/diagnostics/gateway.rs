//! Browsers that share the robot.

use r2r::diagnostic_msgs::msg::DiagnosticStatus;

use super::{status, Report, OK};
use crate::gateway::Helm;

/// Nothing where there is no gateway.
pub(super) fn gateway(report: &Report<'_>) -> Option<DiagnosticStatus> {
    let address = report.settings.gateway.as_ref()?;
    let Helm { viewers, driver, .. } = report.helm;
    let viewing = match viewers {
        0 => "no viewer".to_owned(),
        1 => "1 viewer".to_owned(),
        more => format!("{more} viewers"),
    };
    let (name, driving) = match driver {
        Some(viewer) => ("viewer", format!("the viewer at {viewer} drives and cmd_vel is ignored")),
        None => ("ROS", "ROS drives".to_owned()),
    };
    let mut values = vec![
        ("address", address.clone()),
        ("viewers", viewers.to_string()),
        ("driver", name.to_owned()),
    ];
    values.extend(driver.map(|viewer| ("driver_address", viewer.to_string())));
    let values = values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    Some(status(report, "gateway", OK, format!("{viewing}; {driving}"), values))
}
