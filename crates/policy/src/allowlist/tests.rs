//! What the list lets through, and that nothing slips past it.

use proptest::prelude::*;

use super::*;

/// Finds every bare name in `/usr/bin`, and paths where they say.
fn programs(segments: &[Segment]) -> Vec<Option<Program>> {
    let place = |segment: &Segment| {
        let written = segment.program();
        let path =
            if written.contains('/') { written.to_owned() } else { format!("/usr/bin/{written}") };
        Some(Program { found: path.clone(), real: path, names_files: false })
    };
    segments.iter().map(place).collect()
}

fn lists(patterns: &[&str]) -> Lists {
    let entry =
        |pattern: &&str| AllowedProgram { pattern: (*pattern).to_owned(), ..Default::default() };
    Lists {
        entries: patterns.iter().map(entry).collect(),
        home: "/home/ann".to_owned(),
        ..Lists::default()
    }
}

fn may_run(line: &str, patterns: &[&str]) -> bool {
    parse(line)
        .is_some_and(|segments| check(&segments, &programs(&segments), &lists(patterns)).satisfied)
}

fn words(line: &str) -> Option<Vec<Vec<String>>> {
    let texts = |segment: Segment| segment.words().map(|word| word.text.clone()).collect();
    parse(line).map(|segments| segments.into_iter().map(texts).collect())
}

#[test]
fn words_are_those_of_the_shell() {
    let cases: [(&str, &[&[&str]]); 6] = [
        ("ls -l", &[&["ls", "-l"]]),
        ("a 'b c' \"d \\\" e\" f\\ g", &[&["a", "b c", "d \" e", "f g"]]),
        ("a && b || c ; d | e", &[&["a"], &["b"], &["c"], &["d"], &["e"]]),
        ("a '' \"\"", &[&["a", "", ""]]),
        ("a '$(x)' '`y`' ';'", &[&["a", "$(x)", "`y`", ";"]]),
        ("a\tb'c'\"d\"", &[&["a", "bcd"]]),
    ];

    for (line, expected) in cases {
        assert_eq!(words(line).unwrap(), expected, "{line}");
    }
}

#[test]
fn what_a_shell_gives_a_meaning_is_not_understood() {
    let lines = [
        "",
        " ",
        "ls;",
        ";ls",
        "ls &&",
        "ls | | ls",
        "ls &",
        "ls & rm x",
        "ls |& rm",
        "ls > x",
        "ls >> x",
        "ls < x",
        "ls 2>&1",
        "ls <<E",
        "ls $(rm x)",
        "ls \"$(rm x)\"",
        "ls `rm x`",
        "ls \"`rm x`\"",
        "ls $X",
        "ls ${X}",
        "ls \"$X\"",
        "$X",
        "(rm x)",
        "ls (x)",
        "ls\nrm x",
        "ls \\\nx",
        "ls \r rm x",
        "ls \0",
        "ls 'x",
        "ls \"x",
        "ls \\",
        "X=1 ls",
        "X+=1 ls",
        "X=1",
        "l? x",
        "l* x",
        "{ls,x}",
        "ls # x",
        "=ls x",
        "ls =rm",
        "'' ls",
        "ls $'x'",
        "ls $\"x\"",
        "ls <(rm x)",
        "ls ;; rm",
        "a[0]=1 ls",
        "ls \u{b} x",
    ];

    for line in lines {
        assert_eq!(parse(line), None, "{line:?}");
    }
}

#[test]
fn every_program_of_a_line_must_be_listed() {
    let listed = &["/usr/bin/ls", "/usr/bin/cat"];

    assert!(may_run("ls -l", listed));
    assert!(may_run("ls -l | cat -n && ls", listed));
    assert!(may_run("/usr/bin/ls", listed));
    assert!(may_run("'ls'", listed));
    for line in ["rm x", "ls; rm x", "ls && rm x", "ls || rm x", "ls | rm", "rm | ls", "/tmp/ls"] {
        assert!(!may_run(line, listed), "{line}");
    }
}

#[test]
fn programs_that_run_their_arguments_are_on_no_list() {
    let everything = &["/**", "*"];
    let lines = [
        "env ls",
        "env X=1 ls",
        "sudo ls",
        "doas ls",
        "xargs rm",
        "ls | xargs rm",
        "nohup ls",
        "nice ls",
        "timeout 5 ls",
        "stdbuf -o0 ls",
        "setsid ls",
        "time ls",
        "sh -c ls",
        "bash -lc ls",
        "/bin/bash x.sh",
        "bash",
        "zsh -c ls",
        "busybox rm x",
        "find . -exec rm {} +",
        "find . -execdir rm x",
        "find . -ok rm x",
        "find . -delete",
        "find . *",
        "find . {-exec,rm}",
        "find . '-exec' rm x",
        "fd -x rm",
        "fd --exec rm",
        "fd --exe rm",
        "rg --pre rm x",
        "python3 -c x",
        "python3",
        "python3 -",
        "python3.11 -c x",
        "perl -e x",
        "perl -pe x y",
        "node -e x",
        "node --eval=x",
        "deno eval x",
        "ruby -e x",
        "awk 'BEGIN{system(\"rm\")}'",
        "gawk x",
        "sed e",
        "sed 1e x",
        "tar xf x --to-command=rm",
        "tar xIf rm x",
        "tar -xI rm -f x",
        "tar --to-com rm x",
        "git -c core.pager=rm log",
        "git submodule foreach rm",
        "ssh x rm",
        "vim -c '!rm'",
        "eval ls",
        "exec ls",
        "command ls",
        "builtin cd",
        "source x",
        ". x",
        "cd /",
        "alias ls=rm",
        "! ls",
        "if ls",
        "export X=1",
        "set -x",
        "watch ls",
        "parallel rm",
        "strace ls",
        "docker run x",
        "npx x",
        "printf -v X y",
        "sort --compress-program=rm",
        "sort --comp=rm",
        "ENV ls",
        "/usr/bin/env ls",
        "script -c ls",
        "flock x ls",
    ];

    for line in lines {
        assert!(!may_run(line, everything), "{line}");
        let segments = parse(line).unwrap_or_default();
        let finding = check(&segments, &programs(&segments), &lists(&[]));
        assert!(
            !finding.satisfied && (segments.is_empty() || finding.to_remember.is_none()),
            "{line}"
        );
    }
    for line in
        ["python3 x.py -c y", "find . -name '*.rs'", "git log", "tar tf x.tar", "sed --sandbox p"]
    {
        assert!(may_run(line, everything), "{line}");
    }
}

#[test]
fn a_link_counts_by_where_it_leads() {
    let segments = parse("rg x").unwrap();
    let linked = |real: &str| {
        let program = Program {
            found: "/home/ann/bin/rg".to_owned(),
            real: real.to_owned(),
            names_files: false,
        };
        check(&segments, &[Some(program)], &lists(&["~/bin/rg"])).satisfied
    };

    assert!(linked("/home/ann/bin/rg"));
    assert!(linked("/opt/rg-14/rg"));
    assert!(!linked("/usr/bin/rm"));
    assert!(!linked("/bin/sh"));
}

#[test]
fn bare_names_mean_what_is_found_by_path() {
    assert!(may_run("rg x", &["rg"]));
    assert!(!may_run("./rg x", &["rg"]));
    assert!(!may_run("/tmp/rg x", &["rg"]));
}

#[test]
fn filters_need_no_entry_as_long_as_they_see_only_their_input() {
    let listed = &["/usr/bin/cat"];
    let safe = [
        "cat x | grep -i foo",
        "cat x | sort -u | uniq -c",
        "cat x | head -n 5",
        "cat x | tr a b",
        "cat x | cut -d , -f 2",
        "cat x | wc -l",
        "cat x | tail -5",
    ];
    let unsafe_ones = [
        "sort -o out",
        "sort -oout",
        "sort --output=out",
        "sort --out=x",
        "sort --compress-program=sh",
        "grep foo bar baz",
        "grep -f x foo",
        "grep -r foo",
        "grep -ir foo",
        "grep foo /etc/passwd",
        "grep foo ../x",
        "grep foo ~/x",
        "grep foo *",
        "uniq a b",
        "uniq - out",
        "uniq -- a b",
        "wc --files0-from=x",
        "wc x",
        "head x",
        "tail -f x",
        "jq .",
        "./sort",
    ];

    for line in safe {
        assert!(may_run(line, listed), "{line}");
    }
    for line in unsafe_ones {
        assert!(!may_run(line, listed), "{line}");
    }
    let segments = parse("grep notes").unwrap();
    let mut found = programs(&segments);
    assert!(check(&segments, &found, &lists(&[])).satisfied);
    found[0].as_mut().unwrap().names_files = true;
    assert!(!check(&segments, &found, &lists(&[])).satisfied);
}

#[test]
fn what_is_allowed_for_ever_is_each_program_by_its_real_path() {
    let segments = parse("rg x | cat | grep y").unwrap();

    let finding = check(&segments, &programs(&segments), &lists(&["/usr/bin/cat"]));

    let patterns = vec!["/usr/bin/rg".to_owned()];
    assert_eq!(finding.to_remember, Some(patterns.clone()));
    assert_eq!(finding.used, [(0, "/usr/bin/cat".to_owned())]);
    let patterns: Vec<&str> = patterns.iter().map(|it| &**it).chain(["/usr/bin/cat"]).collect();
    assert!(may_run("rg x | cat | grep y", &patterns));
}

#[test]
fn a_program_that_is_not_there_is_a_miss() {
    let segments = parse("rg x").unwrap();

    let finding = check(&segments, &[None], &lists(&["/**", "*"]));

    assert_eq!((finding.satisfied, finding.to_remember), (false, None));
}

proptest! {
    /// However a forbidden program is put into a line, the line is a miss.
    #[test]
    fn no_line_with_an_unlisted_program_may_run(
        before in "[a-z '\"\\\\;&|]{0,12}",
        joint in prop_oneof![
            Just(";"), Just("&&"), Just("||"), Just("|"), Just("\n"), Just("&"), Just(" ; "),
            Just("$("), Just("`"), Just(">("), Just("|&"), Just("\r\n"), Just(" -exec "),
        ],
        after in "[a-z '\"\\\\;&|)`]{0,12}",
    ) {
        let line = format!("ls {before}{joint}evil {after}");
        let runs_evil = parse(&line).is_some_and(|segments| {
            segments.iter().any(|segment| segment.program().contains("evil"))
        });

        // Quoted, it is an argument; else it is seen as a program and found unlisted.
        if may_run(&line, &["/usr/bin/ls"]) {
            prop_assert!(!runs_evil);
        }
    }

    /// What is understood says the same when it is written out quoted, word by word.
    #[test]
    fn reading_is_stable(line in "[a-z./~=,'\"\\\\;&| \t$`(){}*?#<>\n-]{0,24}") {
        if let Some(read) = words(&line) {
            let quote = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
            let again = read
                .iter()
                .map(|segment| segment.iter().map(quote).collect::<Vec<_>>().join(" "))
                .collect::<Vec<_>>()
                .join(" ; ");
            prop_assert_eq!(words(&again), Some(read));
        }
    }

    /// Nothing in an argument makes another program run.
    #[test]
    fn arguments_in_single_quotes_are_only_arguments(text in "[^'\\p{Cc}]{0,30}") {
        let line = format!("ls '{text}'");

        prop_assert_eq!(words(&line), Some(vec![vec!["ls".to_owned(), text]]));
    }
}
