//! Limits as the config writes them, in the engine's units. Pure.

use std::collections::BTreeMap;

use bollard::models::{DeviceRequest, ResourcesUlimits};

use super::{connect::Engine, error::Error, settings::Ulimit};

/// Bytes of `512m`, `1g`, `1.5GiB` or a plain number; blank text is no limit.
pub(crate) fn bytes(key: &'static str, text: Option<&str>) -> Result<Option<i64>, Error> {
    let Some(text) = text.map(str::trim).filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    if text == "-1" {
        return Ok(Some(-1));
    }
    let lower = text.to_lowercase();
    let at = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(at);
    let shift = match unit.trim().trim_end_matches("ib").trim_end_matches('b') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return Err(invalid(key, text, "write bytes, or a number with k, m, g or t")),
    };
    let number: f64 =
        number.parse().map_err(|_| invalid(key, text, "write bytes, or a number with a unit"))?;
    #[expect(clippy::cast_precision_loss, reason = "a power of two is exact")]
    let scaled = number * (1_i64 << shift) as f64;
    if !(0.0..9.0e18).contains(&scaled) {
        return Err(invalid(key, text, "it is too large"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked against the bounds above")]
    let scaled = scaled as i64;
    Ok(Some(scaled))
}

/// Memory and swap together. Podman's Docker API passes over "-1" and allows twice the memory;
/// the largest number of whole pages is without limit to every kernel.
pub(crate) fn swap(engine: Engine, text: Option<&str>) -> Result<Option<i64>, Error> {
    let swap = bytes("memorySwap", text)?;
    let is_unlimited = engine == Engine::Podman && swap == Some(-1);
    Ok(if is_unlimited { Some(i64::MAX - 4095) } else { swap })
}

/// Billionths of a processor.
pub(crate) fn nano_cpus(cpus: Option<f64>) -> Result<Option<i64>, Error> {
    let Some(cpus) = cpus else { return Ok(None) };
    if !(cpus > 0.0 && cpus < 1.0e6) {
        return Err(invalid("cpus", &cpus.to_string(), "it must be more than nothing"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "checked against the bounds above")]
    let nanos = (cpus * 1.0e9).round() as i64;
    Ok(Some(nanos))
}

/// One-sided limits take the one value for both sides, negative ones are zero, and those
/// without a name or a value are left out.
pub(crate) fn ulimits(limits: &BTreeMap<String, Ulimit>) -> Vec<ResourcesUlimits> {
    limits
        .iter()
        .filter(|(name, _)| !name.trim().is_empty())
        .filter_map(|(name, limit)| {
            let (soft, hard) = match (limit.soft, limit.hard) {
                (Some(soft), Some(hard)) => (soft, hard),
                (Some(one), None) | (None, Some(one)) => (one, one),
                (None, None) => return None,
            };
            Some(ResourcesUlimits {
                name: Some(name.trim().to_owned()),
                soft: Some(soft.max(0)),
                hard: Some(hard.max(0)),
            })
        })
        .collect()
}

/// `all`, a number, or `device=0,1`, as the docker CLI's `--gpus`.
pub(crate) fn gpus(text: Option<&str>) -> Result<Option<Vec<DeviceRequest>>, Error> {
    let Some(text) = text.map(str::trim).filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let mut request = DeviceRequest {
        capabilities: Some(vec![vec!["gpu".to_owned()]]),
        ..DeviceRequest::default()
    };
    let plain = text.trim_matches('"');
    if plain == "all" {
        request.count = Some(-1);
    } else if let Some(ids) = plain.strip_prefix("device=") {
        request.device_ids = Some(ids.split(',').map(|id| id.trim().to_owned()).collect());
    } else {
        let count = plain.trim_start_matches("count=").parse();
        let count = count.map_err(|_| invalid("gpus", text, "write `all`, a number or `device=…`"));
        request.count = Some(count?);
    }
    Ok(Some(vec![request]))
}

fn invalid(key: &'static str, value: &str, why: &str) -> Error {
    Error::Invalid { key, value: value.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        let read = |text: &str| bytes("memory", Some(text)).unwrap();

        assert_eq!(read("1g"), Some(1 << 30));
        assert_eq!(read("512m"), Some(512 << 20));
        assert_eq!(read("1.5 GiB"), Some(3 << 29));
        assert_eq!(read("1048576"), Some(1 << 20));
        assert_eq!(read("64kb"), Some(64 << 10));
        assert_eq!(read("-1"), Some(-1));
        assert_eq!(read("  "), None);
        for bad in ["g", "1x", "-5m", "1e30t", "9999999999999t"] {
            bytes("memory", Some(bad)).unwrap_err();
        }
    }

    #[test]
    fn limits_with_one_side_take_it_for_both() {
        let limits = [
            ("nofile", Ulimit { soft: Some(1), hard: Some(2) }),
            ("nproc", Ulimit { soft: None, hard: Some(-3) }),
            ("core", Ulimit { soft: None, hard: None }),
            (" ", Ulimit { soft: Some(1), hard: None }),
        ];
        let limits = limits.into_iter().map(|(name, limit)| (name.to_owned(), limit)).collect();

        let made: Vec<_> =
            ulimits(&limits).into_iter().map(|it| (it.name.unwrap(), it.soft, it.hard)).collect();

        let expected =
            [("nofile".to_owned(), Some(1), Some(2)), ("nproc".to_owned(), Some(0), Some(0))];
        assert_eq!(made, expected);
    }

    #[test]
    fn processors_and_graphics_are_read() {
        assert_eq!(nano_cpus(Some(0.5)).unwrap(), Some(500_000_000));
        nano_cpus(Some(0.0)).unwrap_err();
        assert_eq!(gpus(Some("all")).unwrap().unwrap()[0].count, Some(-1));
        let ids = gpus(Some("\"device=0,2\"")).unwrap().unwrap()[0].device_ids.clone();
        assert_eq!(ids.unwrap(), ["0", "2"]);
        gpus(Some("some")).unwrap_err();
    }
}
