//! Programs that need a second look: those that run what their arguments say.

use super::Word;

/// What a program does with its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hazard {
    /// Nothing that a list would have to know.
    None,
    /// It runs, or may run, other programs that they name.
    RunsOthers,
}

/// Shells, programs that start the program in their arguments, and words of the shell that give
/// what follows another meaning.
#[rustfmt::skip]
const LAUNCHERS: &[&str] = &[
    "sh", "bash", "rbash", "dash", "ash", "zsh", "ksh", "mksh", "pdksh", "yash", "fish", "csh",
    "tcsh", "nu", "pwsh", "powershell", "xonsh", "elvish", "cmd", "busybox", "toybox",
    "env", "sudo", "sudoedit", "doas", "su", "runuser", "pkexec", "xargs", "parallel", "nohup",
    "nice", "ionice", "timeout", "stdbuf", "setsid", "setpriv", "time", "chroot", "unshare",
    "nsenter", "bwrap", "firejail", "proot", "fakeroot", "strace", "ltrace", "gdb", "lldb", "perf",
    "valgrind", "watch", "script", "ssh", "flock", "taskset", "chrt", "numactl", "prlimit", "expect",
    "unbuffer", "rlwrap", "systemd-run", "systemd-inhibit", "dbus-run-session", "dbus-launch",
    "start-stop-daemon", "daemonize", "run-parts", "entr", "at", "batch", "crontab", "tmux", "screen",
    "socat", "nc", "ncat", "netcat", "capsh", "cgexec", "linux32", "linux64", "setarch", "i386",
    "x86_64", "uname26", "ld", "ld.so", "docker", "podman", "nerdctl", "kubectl", "npx", "bunx",
    "uvx", "pipx", "awk", "gawk", "mawk", "nawk", "original-awk", "vi", "vim", "view", "rvim", "nvim",
    "ex", "ed", "emacs", "less", "more", "man", "nsjail", "choom", "catchsegv", "coproc", "eval",
    "exec", "command", "builtin", "source", ".", "alias", "unalias", "trap", "set", "shopt", "enable",
    "hash", "export", "declare", "typeset", "local", "readonly", "unset", "function", "let", "cd",
    "pushd", "popd", "fc", "bind", "complete", "read", "mapfile", "readarray", "getopts", "printf",
    "!", "if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac",
    "select", "in", "repeat", "foreach", "end", "noglob", "nocorrect", "always", "-", "autoload",
    "zmodload", "emulate", "zle", "zcompile",
];

/// Interpreters: their first argument must be a file, since options may carry a program and
/// without one it is read from the input.
#[rustfmt::skip]
const INTERPRETERS: &[&str] = &[
    "python", "pypy", "node", "nodejs", "deno", "bun", "perl", "ruby", "php", "lua", "luajit",
    "tclsh", "wish", "guile", "racket", "julia", "Rscript", "R", "osascript", "jshell", "groovy",
    "scala", "elixir", "erl", "ghci", "runghc", "ocaml", "sbcl", "clisp", "irb", "ipython", "tsx",
    "ts-node", "qjs", "gjs", "jrunscript", "swift", "dotnet", "java",
];

/// Options by which other programs run programs or write files that are run later.
const RUNNING_OPTIONS: &[(&str, &[&str])] = &[
    ("fd", &["--exec", "--exec-batch", "-x", "-X"]),
    ("fdfind", &["--exec", "--exec-batch", "-x", "-X"]),
    ("rg", &["--pre", "--hostname-bin"]),
    (
        "git",
        &[
            "-c",
            "--config-env",
            "--exec-path",
            "--upload-pack",
            "--receive-pack",
            "--exec",
            "-x",
            "-O",
        ],
    ),
    ("sort", &["--compress-program"]),
    ("rsync", &["--rsh", "-e", "--rsync-path"]),
    ("zip", &["--unzip-command", "-T"]),
    ("curl", &["--config", "-K", "--output", "-o", "-O", "--remote-name"]),
    ("wget", &["--use-askpass", "--output-document", "-O", "-e", "--execute"]),
];

/// Commands of `git` that run what follows.
const GIT_RUNS: &[&str] = &["bisect", "submodule", "filter-branch", "difftool", "mergetool"];

/// Judges a program by the names it goes by and its arguments.
pub(super) fn hazard(names: &[&str], arguments: &[Word]) -> Hazard {
    let is = |list: &[&str]| names.iter().any(|name| is_one_of(name, list));
    let runs = is(LAUNCHERS)
        || (is(INTERPRETERS) && !starts_with_file(arguments))
        || (is(&["find", "gfind"]) && find_acts(arguments))
        || (is(&["sed", "gsed"]) && !arguments.iter().any(|word| word.text == "--sandbox"))
        || (is(&["tar", "gtar", "bsdtar"]) && tar_runs(arguments))
        || (is(&["git"]) && arguments.iter().any(|word| GIT_RUNS.contains(&&*word.text)))
        || RUNNING_OPTIONS.iter().any(|(name, options)| is(&[*name]) && uses(arguments, options));
    if runs { Hazard::RunsOthers } else { Hazard::None }
}

/// Whether `name` is listed, version numbers left out: `python3.11` is `python`.
fn is_one_of(name: &str, list: &[&str]) -> bool {
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let plain = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let listed =
        |name: &str| !name.is_empty() && list.iter().any(|it| it.eq_ignore_ascii_case(name));
    listed(name) || listed(plain)
}

fn starts_with_file(arguments: &[Word]) -> bool {
    const VERBS: [&str; 5] = ["eval", "exec", "repl", "x", "run"];
    let is_harmless = |word: &Word| matches!(&*word.text, "--version" | "--help");
    match arguments {
        [only] if is_harmless(only) => true,
        [first, ..] => {
            !first.text.starts_with('-')
                && !first.is_pattern
                && !first.text.is_empty()
                && !VERBS.contains(&&*first.text)
        }
        [] => false,
    }
}

fn find_acts(arguments: &[Word]) -> bool {
    const ACTS: [&str; 6] = ["-exec", "-ok", "-delete", "-fprint", "-fls", "-files0-from"];
    arguments
        .iter()
        .any(|word| word.is_pattern || ACTS.iter().any(|act| word.text.starts_with(act)))
}

fn tar_runs(arguments: &[Word]) -> bool {
    const LONG: [&str; 8] = [
        "--to-command",
        "--checkpoint-action",
        "--use-compress-program",
        "--info-script",
        "--new-volume-script",
        "--rsh-command",
        "--rmt-command",
        "--absolute-names",
    ];
    // In the oldest form the first argument is a bunch of letters without a dash.
    let letters = |(at, word): (usize, &Word)| {
        let bunch = match word.text.strip_prefix('-') {
            Some(rest) if !rest.starts_with('-') => rest,
            None if at == 0 => &word.text,
            Some(_) | None => "",
        };
        bunch.contains(['I', 'F', 'P'])
    };
    arguments.iter().enumerate().any(letters) || uses(arguments, &LONG)
}

/// Whether one of `options` is among the arguments, shortened as GNU programs permit, with its
/// value behind it, or in a bunch of short ones. A wildcard might become any of them.
fn uses(arguments: &[Word], options: &[&str]) -> bool {
    arguments.iter().any(|word| {
        let text = word.text.split('=').next().unwrap_or_default();
        let long = |option: &str| {
            option.starts_with("--")
                && text.len() > 2
                && text.starts_with("--")
                && (option.starts_with(text) || text == option)
        };
        let short = |option: &str| {
            !option.starts_with("--")
                && word.text.starts_with('-')
                && !word.text.starts_with("--")
                && word.text.contains(option.trim_start_matches('-'))
        };
        word.is_pattern || options.iter().any(|option| long(option) || short(option))
    })
}

/// Whether the arguments of a filter name no file that it would read or write.
pub(super) fn only_filters(name: &str, arguments: &[Word]) -> bool {
    const FILES: &[(&str, &[&str])] = &[
        (
            "sort",
            &[
                "--output",
                "-o",
                "--compress-program",
                "--temporary-directory",
                "-T",
                "--files0-from",
                "--random-source",
            ],
        ),
        (
            "grep",
            &[
                "--file",
                "-f",
                "--recursive",
                "--dereference-recursive",
                "-r",
                "-R",
                "-d",
                "--directories",
            ],
        ),
        ("wc", &["--files0-from"]),
        ("tail", &["--follow", "-f", "-F", "--pid", "--retry"]),
    ];
    let looks_like_path = |text: &str| {
        text.contains('/') || text.starts_with('~') || text.starts_with('.') || has_drive(text)
    };
    let is_bad = |word: &Word| {
        let value = word.text.split_once('=').map_or("", |(_, value)| value);
        word.is_pattern
            || word.has_tilde
            || matches!(&*word.text, "-" | "--")
            || looks_like_path(&word.text)
            || looks_like_path(value)
    };
    // What is no option is a file, but for the first ones of these; values follow an option.
    let free = match name {
        "grep" => 1,
        "tr" => 2,
        _ => 0,
    };
    let mut before_is_option = false;
    let mut loose = 0;
    for word in arguments {
        let is_option = word.text.starts_with('-');
        if !is_option && !before_is_option {
            loose += 1;
        }
        before_is_option = is_option;
    }
    loose <= free
        && !arguments.iter().any(is_bad)
        && !FILES.iter().any(|(it, options)| *it == name && uses(arguments, options))
}

fn has_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}
