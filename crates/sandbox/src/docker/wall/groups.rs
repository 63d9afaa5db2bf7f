//! What the sandbox may use: control groups and limits.

use std::fmt;

use super::{
    super::{limits, settings::Container},
    Facts, Found, Setting,
};

/// The first version's "no limit" is the largest whole number of pages.
const UNLIMITED_MIN: u64 = 1 << 60;

/// The kernel counts whole pages.
const PAGE_BYTES: u64 = 4096;

/// Limits by the engine's names and the kernel's.
const LIMITS: [(&str, &str); 16] = [
    ("as", "Max address space"),
    ("core", "Max core file size"),
    ("cpu", "Max cpu time"),
    ("data", "Max data size"),
    ("fsize", "Max file size"),
    ("locks", "Max file locks"),
    ("memlock", "Max locked memory"),
    ("msgqueue", "Max msgqueue size"),
    ("nice", "Max nice priority"),
    ("nofile", "Max open files"),
    ("nproc", "Max processes"),
    ("rss", "Max resident set"),
    ("rtprio", "Max realtime priority"),
    ("rttime", "Max realtime timeout"),
    ("sigpending", "Max pending signals"),
    ("stack", "Max stack size"),
];

/// A value of a control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    At(u64),
    None,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(number) => write!(f, "{number}"),
            Self::None => f.write_str("no limit"),
        }
    }
}

pub(super) fn settings(container: &Container) -> Vec<Setting<'_>> {
    let mut settings = Vec::new();
    // A text that cannot be read is refused before anything is made.
    let bytes = |text: Option<&str>| limits::bytes("memory", text).ok().flatten();
    let memory = bytes(container.memory.as_deref()).and_then(positive);
    if let Some(most) = container.pids_limit.and_then(positive) {
        settings.push(Setting::new("docker.pidsLimit", most.to_string(), move |facts| {
            let found = bound(facts, &["/sys/fs/cgroup/pids.max", "/sys/fs/cgroup/pids/pids.max"]);
            match found {
                Some(Bound::At(found)) => Found::of(found == most, found.to_string()),
                Some(Bound::None) | None => unbounded(facts, memory),
            }
        }));
    }
    if let (Some(most), Some(text)) = (memory, container.memory.as_deref()) {
        settings.push(Setting::new("docker.memory", text.trim(), move |facts| {
            self::memory(facts, most)
        }));
    }
    let swap = bytes(container.memory_swap.as_deref()).filter(|&swap| swap != 0);
    if let (Some(swap), Some(text)) = (swap, container.memory_swap.as_deref()) {
        settings.push(Setting::new("docker.memorySwap", text.trim(), move |facts| {
            self::swap(facts, memory.unwrap_or_default(), positive(swap))
        }));
    }
    if let Some(cpus) = container.cpus {
        settings.push(Setting::new("docker.cpus", cpus.to_string(), move |facts| {
            processors(facts, cpus, memory)
        }));
    }
    settings.extend(limits::ulimits(&container.ulimits).into_iter().filter_map(|limit| {
        let name = limit.name?.to_lowercase();
        let number = |it: Option<i64>| it.and_then(|it| u64::try_from(it).ok()).unwrap_or(0);
        let (soft, hard) = (number(limit.soft), number(limit.hard));
        let key = format!("docker.ulimits.{name}");
        Some(Setting::new(key, format!("{soft}:{hard}"), move |facts| {
            let kernels = LIMITS.iter().find(|(it, _)| *it == name).map(|(_, kernels)| *kernels);
            match kernels.and_then(|name| facts.limit(name)) {
                Some(found) => {
                    let shown = |it| if it == u64::MAX { Bound::None } else { Bound::At(it) };
                    let text = format!("{}:{}", shown(found.0), shown(found.1));
                    Found::of(found == (soft, hard), text)
                }
                None => Found::Nothing,
            }
        }))
    }));
    settings
}

fn positive(number: i64) -> Option<u64> {
    u64::try_from(number).ok().filter(|&number| number > 0)
}

/// The first of these values that is there.
fn bound(facts: Facts<'_>, paths: &[&str]) -> Option<Bound> {
    let text = paths.iter().find_map(|path| facts.text(path))?;
    match text.parse::<u64>() {
        Ok(number) if number < UNLIMITED_MIN => Some(Bound::At(number)),
        Ok(_) => Some(Bound::None),
        Err(_) => (text == "max" || text == "-1").then_some(Bound::None),
    }
}

/// A kernel of the sandbox's own may be bounded from outside, where nothing inside tells. That
/// the engine's groups are in use at all is told by its memory, if that is bounded, too.
fn unbounded(facts: Facts<'_>, memory: Option<u64>) -> Found {
    let text = "no limit".to_owned();
    match memory.zip(facts.memory("MemTotal")) {
        Some((most, all)) if all <= most => Found::Silence(text),
        _ => Found::Wrong(text),
    }
}

fn pages(bytes: u64) -> u64 {
    bytes / PAGE_BYTES * PAGE_BYTES
}

fn memory(facts: Facts<'_>, most: u64) -> Found {
    let paths = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    match (bound(facts, &paths), facts.memory("MemTotal")) {
        (Some(Bound::At(found)), _) => Found::of(found == pages(most), found.to_string()),
        // A kernel of the sandbox's own has as much memory as it may use.
        (_, Some(all)) if all <= most => Found::Edge(format!("a machine with {all} bytes")),
        (Some(Bound::None) | None, _) => Found::Wrong("no limit".to_owned()),
    }
}

/// Memory and swap together; `None` is without limit.
fn swap(facts: Facts<'_>, memory: u64, most: Option<u64>) -> Found {
    // The second version counts swap alone.
    let alone = bound(facts, &["/sys/fs/cgroup/memory.swap.max"]);
    let both = bound(facts, &["/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes"]);
    let (found, asked) = match (alone, both) {
        (Some(alone), _) => (alone, most.map(|most| pages(most).saturating_sub(pages(memory)))),
        (None, Some(both)) => (both, most.map(pages)),
        (None, None) => {
            let has_none = facts.memory("SwapTotal") == Some(0);
            return match most {
                None => Found::Right("nothing bounds it".to_owned()),
                Some(_) if has_none => Found::Right("the machine has no swap".to_owned()),
                Some(_) => unbounded(facts, Some(memory)),
            };
        }
    };
    Found::of(found == asked.map_or(Bound::None, Bound::At), found.to_string())
}

fn processors(facts: Facts<'_>, asked: f64, memory: Option<u64>) -> Found {
    let number = |text: Option<&str>| text?.trim().parse::<f64>().ok();
    let (quota, period) = if let Some(text) = facts.text("/sys/fs/cgroup/cpu.max") {
        let (quota, period) = text.split_once(' ').unwrap_or((text, ""));
        (number(Some(quota)), number(Some(period)))
    } else {
        let file =
            |name: &str| number(facts.text(&format!("/sys/fs/cgroup/cpu/cpu.cfs_{name}_us")));
        let (quota, period) = (file("quota"), file("period"));
        (quota, period)
    };
    match quota.filter(|quota| *quota > 0.0).zip(period) {
        // The engine rounds to millionths of a second.
        Some((quota, period)) => {
            let found = quota / period;
            Found::of((found - asked).abs() <= asked * 0.01, format!("{found}"))
        }
        None => unbounded(facts, memory),
    }
}
