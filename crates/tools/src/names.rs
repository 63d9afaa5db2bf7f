//! The names that models give tools instead of their own. Pure.

/// What some put before a tool's name, with `.`, `:` or `__` between.
const PREFIXES: [&str; 8] = [
    "functions",
    "function",
    "default_api",
    "tools",
    "tool",
    "multi_tool_use",
    "openclaw",
    "mcp__openclaw",
];

/// Names of the tools of other agents, which models were trained with.
const ALIASES: [(&str, &str); 18] = [
    ("bash", "exec"),
    ("shell", "exec"),
    ("sh", "exec"),
    ("terminal", "exec"),
    ("execute", "exec"),
    ("run_command", "exec"),
    ("execute_command", "exec"),
    ("shell_command", "exec"),
    ("run_shell_command", "exec"),
    ("exec_command", "exec"),
    ("run_terminal_cmd", "exec"),
    ("read_file", "read"),
    ("view_file", "read"),
    ("write_file", "write"),
    ("create_file", "write"),
    ("edit_file", "edit"),
    ("str_replace", "edit"),
    ("patch", "apply_patch"),
];

/// What `called` may stand for, the likeliest first: itself, without a prefix, with words put
/// together as ours are, and by the name of another agent's tool.
pub(crate) fn candidates(called: &str) -> impl Iterator<Item = String> {
    // Some models write marks of their own format behind the name.
    let name = called.split("<|").next().unwrap_or_default().trim();
    let bare = without_prefix(name);
    let known = |name: &str| {
        let found = ALIASES.iter().find(|(alias, _)| *alias == name);
        found.map(|(_, tool)| (*tool).to_owned())
    };
    let named = [name.to_lowercase(), bare.to_lowercase(), snake(bare)];
    let aliased: Vec<String> = named.iter().filter_map(|name| known(name)).collect();
    named.into_iter().chain(aliased)
}

fn without_prefix(name: &str) -> &str {
    let strip = |prefix: &&str| {
        let is_prefix = name.get(..prefix.len())?.eq_ignore_ascii_case(prefix);
        let rest = name.get(prefix.len()..).filter(|_| is_prefix)?;
        [".", ":", "__", "/"].iter().find_map(|between| rest.strip_prefix(between))
    };
    PREFIXES.iter().find_map(strip).map_or(name, str::trim)
}

/// `applyPatch`, `ApplyPatch` and `apply-patch` as `apply_patch`.
fn snake(name: &str) -> String {
    let mut found = String::with_capacity(name.len() + 4);
    let mut was_lower = false;
    for c in name.chars() {
        if matches!(c, '-' | ' ' | '.') {
            found.push('_');
            was_lower = false;
            continue;
        }
        if c.is_uppercase() && was_lower {
            found.push('_');
        }
        was_lower = c.is_lowercase() || c.is_numeric();
        found.extend(c.to_lowercase());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_are_found_by_the_names_that_models_give_them() {
        let cases = [
            ("exec", "exec"),
            (" Exec ", "exec"),
            ("functions.exec", "exec"),
            ("default_api:exec", "exec"),
            ("mcp__openclaw__read", "read"),
            ("exec<|channel|>commentary", "exec"),
            ("functions.run_shell_command", "exec"),
            ("Bash", "exec"),
            ("apply-patch", "apply_patch"),
            ("applyPatch", "apply_patch"),
            ("SessionsList", "sessions_list"),
            ("ReadFile", "read"),
        ];

        for (called, tool) in cases {
            assert!(candidates(called).any(|name| name == tool), "{called}");
        }
    }

    #[test]
    fn no_name_is_torn_out_of_a_longer_one() {
        for called in ["functionsexec", "my.exec", "execute_order", "", "exec2", "toolsexec"] {
            assert!(!candidates(called).any(|name| name == "exec"), "{called}");
        }
    }
}
