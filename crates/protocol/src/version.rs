//! Which version of the protocol two sides speak.

use serde_json::{Value, json};

/// A version that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// That of 2026.2.
    V3,
    /// That of 2026.9.
    V4,
}

impl Version {
    /// The newest one.
    pub const NEWEST: Self = Self::V4;

    /// The number on the wire.
    pub fn number(self) -> u32 {
        match self {
            Self::V3 => 3,
            Self::V4 => 4,
        }
    }
}

/// The highest version inside `[min, max]`, if there is one.
pub fn negotiate(min: u32, max: u32) -> Option<Version> {
    [Version::V4, Version::V3].into_iter().find(|version| (min..=max).contains(&version.number()))
}

/// Details of the error that tells a client that no version fits.
pub fn mismatch(min: u32, max: u32) -> Value {
    json!({
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": min,
        "clientMaxProtocol": max,
        "expectedProtocol": Version::NEWEST.number(),
        "minimumProbeProtocol": Version::V3.number(),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_highest_common_version_wins() {
        let cases = [
            ((3, 3), Some(Version::V3)),
            ((4, 4), Some(Version::V4)),
            ((1, 99), Some(Version::V4)),
            ((1, 2), None),
            ((99, 99), None),
            ((4, 3), None),
        ];

        for ((min, max), expected) in cases {
            assert_eq!(negotiate(min, max), expected, "{min}..={max}");
        }
    }

    proptest! {
        #[test]
        fn what_is_negotiated_was_offered(min in 0_u32..10, max in 0_u32..10) {
            if let Some(version) = negotiate(min, max) {
                prop_assert!(min <= version.number() && version.number() <= max);
            } else {
                prop_assert!(min > max || max < 3 || min > 4);
            }
        }
    }
}
