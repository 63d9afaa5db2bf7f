//! What a kernel told, in its own words, and how to read them.

use std::collections::BTreeMap;

use boxd::message::FACT_WRITABLE;

/// Files of a sandbox's kernel by their paths; see [`boxd::message::FACTS`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a>(pub(crate) &'a BTreeMap<String, String>);

/// A mount as the kernel lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mount<'a> {
    pub(super) kind: &'a str,
    /// Options of the mount, and of what is mounted.
    options: (&'a str, &'a str),
}

impl<'a> Mount<'a> {
    /// Whether an option without a value is set.
    pub(super) fn has(&self, option: &str) -> bool {
        self.options().any(|it| it == option)
    }

    /// The value of an option.
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.options().find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
    }

    fn options(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.options.0.split(',').chain(self.options.1.split(','))
    }
}

impl<'a> Facts<'a> {
    pub(super) fn text(self, path: &str) -> Option<&'a str> {
        self.0.get(path).map(|text| text.trim())
    }

    /// Release of the kernel.
    pub(super) fn kernel(self) -> Option<&'a str> {
        self.text("/proc/version")?.strip_prefix("Linux version ")?.split(' ').next()
    }

    /// A field of the process's status.
    pub(super) fn status(self, name: &str) -> Option<&'a str> {
        let mut lines = self.text("/proc/self/status")?.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    /// Bytes of a field of the memory's state.
    pub(super) fn memory(self, name: &str) -> Option<u64> {
        let mut lines = self.text("/proc/meminfo")?.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    }

    /// Soft and hard limit by the kernel's name; no limit is the largest number.
    pub(super) fn limit(self, name: &str) -> Option<(u64, u64)> {
        let mut lines = self.text("/proc/self/limits")?.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        let mut numbers = line.split_whitespace().map(|word| match word {
            "unlimited" => Some(u64::MAX),
            number => number.parse().ok(),
        });
        Some((numbers.next()??, numbers.next()??))
    }

    /// The network's interfaces.
    pub(super) fn interfaces(self) -> Option<Vec<&'a str>> {
        let rows = self.text("/proc/self/net/dev")?.lines().skip(2);
        Some(rows.filter_map(|row| Some(row.split_once(':')?.0.trim())).collect())
    }

    /// What was mounted last at a place.
    pub(super) fn mount(self, place: &str) -> Option<Mount<'a>> {
        let place = escaped(place);
        let lines = self.text("/proc/self/mountinfo")?.lines();
        lines.rev().find_map(|line| parse(line, &place))
    }

    /// Whether the sandbox's user may write to what is mounted at a place.
    pub(super) fn is_writable(self, place: &str) -> bool {
        let place = escaped(place);
        self.text(FACT_WRITABLE).is_some_and(|text| text.lines().any(|line| line == place))
    }
}

/// Reads a line of `/proc/self/mountinfo` if it is about this place.
fn parse<'a>(line: &'a str, place: &str) -> Option<Mount<'a>> {
    let (mount, what) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(4);
    fields.next().filter(|it| *it == place)?;
    let own = fields.next()?;
    let mut fields = what.split(' ');
    let (kind, _source) = (fields.next()?, fields.next()?);
    Some(Mount { kind, options: (own, fields.next().unwrap_or_default()) })
}

/// A path as the kernel writes it.
fn escaped(path: &str) -> String {
    let path = match path.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    let mut text = String::new();
    for c in path.chars() {
        match c {
            ' ' => text.push_str("\\040"),
            '\t' => text.push_str("\\011"),
            '\n' => text.push_str("\\012"),
            '\\' => text.push_str("\\134"),
            '#' => text.push_str("\\043"),
            c => text.push(c),
        }
    }
    text
}
