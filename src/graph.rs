//! Who else is in the ROS graph where that matters for walking: publishers of `cmd_vel` that are not heard, more than one of
//! them, and another node of this node's full name.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::rcl::Arguments;

/// From one look to the next.
const EVERY: Duration = Duration::from_secs(1);
/// So many warnings come of one look.
const TOLD_AT_ONCE: usize = 5;
/// A node's name is told up to this many characters.
const NAME_TOLD: usize = 100;
/// Every node publishes it.
const ROSOUT: &str = "/rosout";
const TWIST: &str = "geometry_msgs/msg/Twist";
const TWIST_STAMPED: &str = "geometry_msgs/msg/TwistStamped";

/// What is watched, and what was told of it.
pub(crate) struct Watch {
    sight: Sight,
    /// The topic of velocities, absolute and remapped.
    topic: String,
    /// A topic that this node publishes.
    own_topic: String,
    next: Instant,
}

/// A publisher of velocities.
#[derive(Debug, Clone, PartialEq)]
struct Publisher {
    node: String,
    kind: String,
}

/// What was told. Pure.
struct Sight {
    /// This node's full name.
    node: String,
    stamped: bool,
    /// What is so at present, by a key.
    told: BTreeSet<String>,
}

impl Watch {
    /// For a node that takes velocities, `stamped` or not.
    pub(crate) fn new(node: &r2r::Node, arguments: &Arguments, stamped: bool) -> r2r::Result<Self> {
        let (name, namespace) = (node.name()?, node.namespace()?);
        let topic = format!("{}/cmd_vel", namespace.trim_end_matches('/'));
        let full = node.fully_qualified_name()?;
        Ok(Self {
            topic: arguments.remapped(&topic, &name, &namespace),
            own_topic: format!("{full}/link_state"),
            sight: Sight { node: full, stamped, told: BTreeSet::new() },
            next: Instant::now() + EVERY,
        })
    }

    /// Looks, once in a while. To be called after each turn of the node.
    pub(crate) fn turn(&mut self, node: &r2r::Node) {
        let now = Instant::now();
        if now < self.next {
            return;
        }
        self.next = now + EVERY;
        let publishers = publishers(node, &self.topic);
        let of_this_name = |topic: &str| publishers_named(node, topic, &self.sight.node);
        let nodes = of_this_name(ROSOUT).max(of_this_name(&self.own_topic));
        for warning in self.sight.look(&publishers, nodes) {
            tracing::warn!("{warning}");
        }
    }
}

fn publishers(node: &r2r::Node, topic: &str) -> Vec<Publisher> {
    let found = node.get_publishers_info_by_topic(topic, false).unwrap_or_default();
    let found = found.into_iter().map(|info| Publisher {
        node: format!("{}/{}", info.node_namespace.trim_end_matches('/'), info.node_name),
        kind: info.topic_type,
    });
    found.collect()
}

fn publishers_named(node: &r2r::Node, topic: &str, name: &str) -> usize {
    publishers(node, topic).iter().filter(|publisher| publisher.node == name).count()
}

impl Sight {
    /// What is to be told now that these publish velocities and so many nodes have this one's name.
    fn look(&mut self, publishers: &[Publisher], nodes: usize) -> Vec<String> {
        let now = self.what_is(publishers, nodes);
        self.told.retain(|key| now.contains_key(key));
        let mut warnings = vec![];
        for (key, warning) in now {
            if warnings.len() < TOLD_AT_ONCE && self.told.insert(key) {
                warnings.push(warning);
            }
        }
        warnings
    }

    /// All that is not as it should be, by a key.
    fn what_is(&self, publishers: &[Publisher], nodes: usize) -> BTreeMap<String, String> {
        let (taken, other) =
            if self.stamped { (TWIST_STAMPED, TWIST) } else { (TWIST, TWIST_STAMPED) };
        let mut found = BTreeMap::new();
        let mut heard = vec![];
        for Publisher { node, kind } in publishers {
            if kind == taken {
                heard.push(told(node));
                continue;
            }
            let cure = if kind == other {
                format!(
                    "Set enable_stamped_cmd_vel to {}, or have it publish the other",
                    !self.stamped
                )
            } else {
                "Remap one of the two".to_owned()
            };
            let (node, kind) = (told(node), told(kind));
            let warning =
                format!("cmd_vel: {node} publishes {kind} and is not heard: this node takes {taken}. {cure}");
            found.insert(format!("kind {node} {kind}"), warning);
        }
        if heard.len() > 1 {
            heard.sort();
            let names = heard.join(", ");
            let warning = format!(
                "cmd_vel has {} publishers: {names}. The robot walks by whichever command is the newest: put a multiplexer \
                 such as twist_mux between, or end all but one",
                heard.len()
            );
            found.insert(format!("several {names}"), warning);
        }
        if nodes > 1 {
            let node = &self.node;
            let warning = format!(
                "another node is called {node} as well: one cmd_vel may walk two robots, and services answer for either. \
                 Give each its namespace. If a node of this name has just been killed, this passes in half a minute"
            );
            found.insert("node".to_owned(), warning);
        }
        found
    }
}

/// What others chose, fit for a log.
fn told(name: &str) -> String {
    name.chars().take(NAME_TOLD).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(stamped: bool) -> Sight {
        Sight { node: "/dog1/go2_bridge".into(), stamped, told: BTreeSet::new() }
    }

    fn publisher(node: &str, kind: &str) -> Publisher {
        Publisher { node: node.into(), kind: kind.into() }
    }

    #[test]
    fn one_publisher_of_the_right_type_is_nothing_to_tell() {
        assert!(sight(false).look(&[], 0).is_empty());
        assert!(sight(false).look(&[publisher("/teleop", TWIST)], 1).is_empty());
        assert!(sight(true).look(&[publisher("/teleop", TWIST_STAMPED)], 1).is_empty());
    }

    #[test]
    fn a_publisher_of_the_other_type_is_told_once_by_name() {
        for (stamped, kind) in [(false, TWIST_STAMPED), (true, TWIST)] {
            let mut sight = sight(stamped);
            let publishers = [publisher("/nav/teleop", kind)];
            let warnings = sight.look(&publishers, 1);
            assert_eq!(warnings.len(), 1);
            let cure = format!("enable_stamped_cmd_vel to {}", !stamped);
            assert!(["/nav/teleop", kind, &cure].iter().all(|part| warnings[0].contains(part)));
            assert!(sight.look(&publishers, 1).is_empty());
            // Once it was away it is told again.
            assert!(sight.look(&[], 1).is_empty());
            assert_eq!(sight.look(&publishers, 1), warnings);
        }
    }

    #[test]
    fn several_publishers_are_told_once() {
        let mut sight = sight(false);
        let two = [publisher("/b", TWIST), publisher("/a", TWIST)];
        let warnings = sight.look(&two, 1);
        assert!(
            warnings.len() == 1 && warnings[0].contains("2 publishers: /a, /b"),
            "{warnings:?}"
        );
        let turned = [publisher("/a", TWIST), publisher("/b", TWIST)];
        assert!(sight.look(&turned, 1).is_empty());
        // Of which one is not heard.
        let other = [publisher("/a", TWIST), publisher("/b", "std_msgs/msg/String")];
        let warnings = sight.look(&other, 1);
        assert!(warnings.len() == 1 && warnings[0].contains("not heard"), "{warnings:?}");
    }

    #[test]
    fn another_node_of_this_name_is_told_once() {
        let mut sight = sight(false);
        let warnings = sight.look(&[], 2);
        assert!(warnings.len() == 1 && warnings[0].contains("/dog1/go2_bridge"), "{warnings:?}");
        assert!(sight.look(&[], 2).is_empty());
    }

    #[test]
    fn names_of_others_cannot_forge_a_log() {
        let mut sight = sight(false);
        let long = "x".repeat(5000);
        let many: Vec<_> =
            (0..50).map(|i| publisher(&format!("/{i}\u{1b}[2J\n{long}"), "a\nb")).collect();
        let warnings = sight.look(&many, 1);
        assert_eq!(warnings.len(), TOLD_AT_ONCE);
        assert!(warnings.iter().all(|text| text.len() < 1000 && !text.contains(char::is_control)));
    }
}
