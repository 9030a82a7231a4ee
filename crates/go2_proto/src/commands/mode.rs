//! Motion modes: which set of api ids the sport service has.

use std::fmt;

use crate::text::{clean, NAME};

/// The set of ids that the sport service understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Space {
    /// The ordinary motion service of firmware before 1.1.7.
    Normal,
    /// The other motion service of firmware before 1.1.7, with flips and upright walking.
    Ai,
    /// The unified motion service since firmware 1.1.7.
    Mcf,
}

impl Space {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Ai, Self::Mcf];

    /// Its name as motion_switcher has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Ai => "ai",
            Self::Mcf => "mcf",
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The motion mode in motion_switcher's words.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MotionMode(String);

impl MotionMode {
    /// Modes that can be asked for.
    pub const NAMES: &'static [&'static str] = &["normal", "ai", "advanced", "mcf"];

    /// From the `name` that motion_switcher answers. Some firmware since 1.1.7 answers with an empty one.
    pub fn new(name: &str) -> Self {
        Self(if name.is_empty() { "mcf".to_owned() } else { clean(name, NAME) })
    }

    /// The name; never empty.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Its ids; those of firmware since 1.1.7 where the name is not known.
    pub fn space(&self) -> Space {
        match self.0.as_str() {
            "normal" => Space::Normal,
            "ai" | "advanced" => Space::Ai,
            _ => Space::Mcf,
        }
    }
}

impl fmt::Display for MotionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
