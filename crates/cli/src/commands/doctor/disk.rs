//! Is there room for what is to come?

use rustix::fs::{StatVfs, statvfs};

use super::{
    finding::{Finding, Outcome},
    scene::Scene,
};

/// Below this, conversations are about to be lost.
const ERROR_MIB: u64 = 64;
/// Below this, an image or a long conversation may not fit.
const WARN_MIB: u64 = 512;
const INODES_MIN: u64 = 1000;

pub(super) fn look(scene: &Scene<'_>) -> Outcome {
    let state_dir = &scene.program.locations.state_dir;
    let Some(dir) = state_dir.ancestors().find(|dir| dir.exists()) else {
        return Outcome::Skipped("there is no state directory");
    };
    let Ok(stat) = statvfs(dir) else {
        return Outcome::Skipped("the system does not tell");
    };
    Outcome::Looked(judge(&stat, &dir.display().to_string()).into_iter().collect())
}

fn judge(stat: &StatVfs, dir: &str) -> Option<Finding> {
    let free_mib = stat.f_bavail.saturating_mul(stat.f_frsize) >> 20;
    let why = "a full disk stops turns, and what a turn was writing is lost";
    let fix = format!("df -h '{dir}'");
    if free_mib < ERROR_MIB {
        return Some(Finding::error("disk.full", format!("{free_mib} MiB are free"), why).fix(fix));
    }
    // File systems that make inodes as they need them count none.
    if stat.f_files > 0 && stat.f_favail < INODES_MIN {
        let title = format!("room for {} more files", stat.f_favail);
        return Some(Finding::error("disk.inodes", title, why).fix(format!("df -i '{dir}'")));
    }
    (free_mib < WARN_MIB)
        .then(|| Finding::warn("disk.low", format!("{free_mib} MiB are free"), why).fix(fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(free_mib: u64, files: u64, free_files: u64) -> StatVfs {
        StatVfs {
            f_bsize: 4096,
            f_frsize: 1 << 20,
            f_blocks: 1 << 20,
            f_bfree: free_mib,
            f_bavail: free_mib,
            f_files: files,
            f_ffree: free_files,
            f_favail: free_files,
            f_fsid: 0,
            f_flag: rustix::fs::StatVfsMountFlags::empty(),
            f_namemax: 255,
        }
    }

    #[test]
    fn little_room_is_a_warning_and_none_is_an_error() {
        let id = |stat: StatVfs| judge(&stat, "/x").map(|it| it.id);

        assert_eq!(id(stat(4096, 100_000, 90_000)), None);
        assert_eq!(id(stat(4096, 0, 0)), None);
        assert_eq!(id(stat(100, 100_000, 90_000)), Some("disk.low"));
        assert_eq!(id(stat(1, 100_000, 90_000)), Some("disk.full"));
        assert_eq!(id(stat(4096, 100_000, 3)), Some("disk.inodes"));
    }
}
