//! What is mounted where, and who may write to it.

use super::{
    super::{create, limits, mounts, seed::user_of},
    Asked, Facts, Found, Setting,
};

/// Options that the kernel shows as they were asked for.
const FLAGS: [&str; 4] = ["ro", "noexec", "nosuid", "nodev"];

/// The kernel counts whole pages.
const PAGE_BYTES: u64 = 4096;

pub(super) fn settings(asked: Asked<'_>) -> Vec<Setting<'_>> {
    let Asked { container, managed, host } = asked;
    let mut settings = Vec::new();
    if container.read_only_root {
        settings.push(Setting::new("docker.readOnlyRoot", "true", |facts| is_ro(facts, "/")));
    }
    let memory = limits::bytes("memory", container.memory.as_deref()).ok().flatten();
    let binds = mounts::kept(&container.binds, managed);
    let owner = container.user.as_deref().and_then(user_of);
    let mut places: Vec<_> = create::tmpfs(container, memory, host.engine).into_iter().collect();
    places.sort();
    for (place, options) in places {
        let written = container.tmpfs.iter().find(|it| it.split(':').next() == Some(&place));
        // A user without a number cannot be given it.
        let is_theirs = owner.is_none() || written.is_some_and(|it| create::says_whose(it));
        let asked = written.cloned().unwrap_or_default();
        settings.push(Setting::new("docker.tmpfs", asked, move |facts| {
            in_memory(facts, &place, &options, is_theirs)
        }));
    }
    for mount in mounts::uncovered(managed, &container.binds) {
        if !mount.writable {
            let key = if mount.is_skills { "skills" } else { "workspaceAccess" };
            let asked = format!("read-only at {}", mount.target);
            settings.push(Setting::new(key, asked, move |facts| is_ro(facts, &mount.target)));
        }
    }
    for (text, bind) in binds {
        let mode = bind.mode.clone().unwrap_or_default();
        if mode.split(',').any(|option| option == "ro") {
            let look = move |facts: Facts<'_>| is_ro(facts, &bind.target);
            settings.push(Setting::new("docker.binds", text.clone(), look));
        }
    }
    settings
}

fn is_ro(facts: Facts<'_>, place: &str) -> Found {
    match facts.mount(place) {
        Some(mount) if mount.has("ro") => Found::Right("read-only".to_owned()),
        Some(_) => Found::Wrong("mounted to be written".to_owned()),
        None => Found::Wrong("nothing mounted there".to_owned()),
    }
}

fn in_memory(facts: Facts<'_>, place: &str, options: &str, is_theirs: bool) -> Found {
    let Some(mount) = facts.mount(place).filter(|mount| mount.kind == "tmpfs") else {
        return Found::Wrong("not in memory".to_owned());
    };
    let mut shown = vec!["in memory".to_owned()];
    let mut holds = true;
    for option in options.split(',').map(str::trim) {
        if FLAGS.contains(&option) && !mount.has(option) {
            holds = false;
            shown.push(format!("without {option}"));
        }
        if let Some(asked) = option.strip_prefix("size=").and_then(size) {
            let found = mount.value("size");
            holds &= found.and_then(size) == Some(asked);
            shown.push(format!("size {}", found.unwrap_or("unbounded")));
        }
    }
    let is_open = is_theirs || facts.is_writable(place);
    if !is_open {
        shown.push("not to be written by the sandbox's user".to_owned());
    }
    Found::of(holds && is_open, shown.join(", "))
}

/// Bytes of a size as mounts have it, in whole pages; a share of the memory is not compared.
fn size(text: &str) -> Option<u64> {
    let text = text.trim().to_lowercase();
    let (number, shift) = match text.char_indices().next_back()? {
        (at, 'k') => (&text[..at], 10),
        (at, 'm') => (&text[..at], 20),
        (at, 'g') => (&text[..at], 30),
        _ => (text.as_str(), 0),
    };
    let bytes = number.parse::<u64>().ok()?.checked_mul(1 << shift)?;
    Some(bytes.div_ceil(PAGE_BYTES) * PAGE_BYTES)
}
