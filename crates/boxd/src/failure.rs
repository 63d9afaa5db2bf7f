//! What the system says, as the gateway is told.

use boxd::Failure;
use rustix::io::Errno;

/// Turns the system's number into a failure.
pub(crate) fn failure(errno: Errno) -> Failure {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Failure::NotFound,
        Errno::ACCESS | Errno::PERM => Failure::Denied,
        Errno::ROFS => Failure::ReadOnly,
        Errno::NOSPC | Errno::DQUOT => Failure::NoSpace,
        Errno::INVAL | Errno::NAMETOOLONG => Failure::Invalid,
        other => Failure::Other { errno: other.raw_os_error() },
    }
}
