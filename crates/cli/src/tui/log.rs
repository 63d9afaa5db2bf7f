//! The chat log: rows, and which of their lines are on the screen.
//!
//! The place on the screen is kept as a row and the lines of it that are hidden below, so that
//! neither its length nor what comes at its end matters. Only rows that are shown, or that
//! scrolling passes over, are ever laid out; the lines of shown rows are kept until they change.

use std::collections::VecDeque;

use ratatui::text::Line;

use super::{
    paint::{self, Look},
    row::Row,
};

/// Rows that are kept; the oldest go first.
const ROWS_MAX: usize = 20_000;
/// The id of the first row ever: older ones may come before it.
const ID_FIRST: u64 = 1 << 32;

/// Names a row for as long as the log lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowId(u64);

/// The chat log.
#[derive(Debug)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    /// The id of the first entry.
    first: u64,
    /// Where the screen ends; `None` follows the end of the log.
    bottom: Option<Bottom>,
    wish: Wish,
    /// Rows that have lines.
    kept: Vec<RowId>,
    laid_count: u64,
    shows_beginning: bool,
}

#[derive(Debug)]
struct Entry {
    row: Row,
    laid: Option<(Look, Vec<Line<'static>>)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bottom {
    row: RowId,
    /// Lines of the row that are below the screen.
    hidden: usize,
}

/// Where to go when the screen is drawn next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Wish {
    #[default]
    Stay,
    /// Lines up; negative is down.
    Lines(i64),
    /// Pages up; negative is down.
    Pages(i64),
    Top,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            first: ID_FIRST,
            bottom: None,
            wish: Wish::default(),
            kept: Vec::new(),
            laid_count: 0,
            shows_beginning: false,
        }
    }
}

impl Log {
    /// Adds a row at the end.
    pub(crate) fn push(&mut self, row: Row) -> RowId {
        if self.entries.len() == ROWS_MAX {
            self.entries.pop_front();
            self.first += 1;
        }
        self.entries.push_back(Entry { row, laid: None });
        RowId(self.first + self.entries.len() as u64 - 1)
    }

    /// Adds rows before the first, the last of them next to it; those that find no room are left
    /// out. What is on the screen stays there.
    pub(crate) fn push_front(&mut self, rows: Vec<Row>) {
        for row in rows.into_iter().rev() {
            if self.is_full() {
                return;
            }
            self.entries.push_front(Entry { row, laid: None });
            self.first -= 1;
        }
    }

    /// Whether no more rows find room before the first.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() == ROWS_MAX || self.first == 0
    }

    /// Whether the first row was on the screen when it was drawn last.
    pub(crate) fn shows_beginning(&self) -> bool {
        self.shows_beginning
    }

    /// A row that may be changed; it is laid out anew.
    pub(crate) fn change(&mut self, id: RowId) -> Option<&mut Row> {
        let at = self.place(id)?;
        let entry = self.entries.get_mut(at)?;
        entry.laid = None;
        Some(&mut entry.row)
    }

    /// The row, if it is still there.
    pub(crate) fn get(&self, id: RowId) -> Option<&Row> {
        Some(&self.entries.get(self.place(id)?)?.row)
    }

    /// The last row.
    pub(crate) fn last(&self) -> Option<RowId> {
        let count = self.entries.len() as u64;
        (count > 0).then(|| RowId(self.first + count - 1))
    }

    /// Takes everything out. Ids of rows that were there name nothing any more.
    pub(crate) fn clear(&mut self) {
        self.first += self.entries.len() as u64;
        self.entries.clear();
        self.kept.clear();
        (self.bottom, self.wish) = (None, Wish::Stay);
    }

    /// Takes everything out, and gives what no transcript has: the person's own commands.
    pub(crate) fn take_own(&mut self) -> Vec<Row> {
        let entries = std::mem::take(&mut self.entries);
        self.first += entries.len() as u64;
        self.clear();
        entries.into_iter().map(|it| it.row).filter(|row| matches!(row, Row::Shell(_))).collect()
    }

    /// Whether there is something below the screen.
    pub(crate) fn is_scrolled(&self) -> bool {
        self.bottom.is_some()
    }

    /// Wishes to see what is `count` lines above, or below if negative.
    pub(crate) fn scroll_lines(&mut self, count: i64) {
        self.wish = match self.wish {
            Wish::Lines(more) => Wish::Lines(more + count),
            Wish::Stay | Wish::Pages(_) | Wish::Top => Wish::Lines(count),
        };
    }

    /// Wishes to see what is `count` pages above, or below if negative.
    pub(crate) fn scroll_pages(&mut self, count: i64) {
        self.wish = match self.wish {
            Wish::Pages(more) => Wish::Pages(more + count),
            Wish::Stay | Wish::Lines(_) | Wish::Top => Wish::Pages(count),
        };
    }

    /// Wishes to see the beginning.
    pub(crate) fn scroll_to_top(&mut self) {
        self.wish = Wish::Top;
    }

    /// Follows the end again.
    pub(crate) fn follow(&mut self) {
        (self.bottom, self.wish) = (None, Wish::Stay);
    }

    /// How many rows were ever laid out.
    #[cfg(test)]
    pub(crate) fn laid_count(&self) -> u64 {
        self.laid_count
    }

    /// The lines for a screen of `height` lines.
    pub(crate) fn visible(&mut self, look: Look, height: usize) -> Vec<Line<'static>> {
        self.shows_beginning = false;
        if self.entries.is_empty() || height == 0 {
            return Vec::new();
        }
        let page = i64::try_from(height.saturating_sub(2).max(1)).unwrap_or(1);
        match std::mem::take(&mut self.wish) {
            Wish::Stay => {}
            Wish::Lines(count) => self.travel(count, look),
            Wish::Pages(count) => self.travel(count * page, look),
            Wish::Top => self.bottom = self.bottom_of_top(look, height),
        }
        let (mut lines, mut first) = self.collect(look, height);
        if lines.len() < height && self.bottom.is_some() {
            self.bottom = self.bottom_of_top(look, height);
            (lines, first) = self.collect(look, height);
        }
        self.shows_beginning = first == 0;
        self.forget_unseen(first);
        lines.reverse();
        lines
    }

    /// Lines from the bottom up, and the row they end in.
    fn collect(&mut self, look: Look, height: usize) -> (Vec<Line<'static>>, usize) {
        let (mut at, mut hidden) = self.start();
        let mut lines = Vec::with_capacity(height);
        loop {
            let laid = self.lay(at, look);
            let shown = laid.len().saturating_sub(hidden);
            let wanted = height - lines.len();
            lines.extend(laid[..shown].iter().rev().take(wanted).cloned());
            if lines.len() >= height || at == 0 {
                return (lines, at);
            }
            (at, hidden) = (at - 1, 0);
        }
    }

    /// Moves the bottom by `up` lines.
    fn travel(&mut self, up: i64, look: Look) {
        let (mut at, mut hidden) = self.start();
        let count = usize::try_from(up.unsigned_abs()).unwrap_or(usize::MAX);
        if up >= 0 {
            hidden = hidden.saturating_add(count);
            while at > 0 && hidden >= self.lay(at, look).len() {
                hidden -= self.lay(at, look).len();
                at -= 1;
            }
            hidden = hidden.min(self.lay(at, look).len());
        } else {
            let mut left = count;
            while left > hidden {
                left -= hidden;
                at += 1;
                if at >= self.entries.len() {
                    self.bottom = None;
                    return;
                }
                hidden = self.lay(at, look).len();
            }
            hidden -= left;
        }
        let is_end = at + 1 == self.entries.len() && hidden == 0;
        self.bottom = (!is_end).then(|| Bottom { row: self.id(at), hidden });
    }

    /// Where the screen ends when it begins with the first line.
    fn bottom_of_top(&mut self, look: Look, height: usize) -> Option<Bottom> {
        let mut left = height;
        for at in 0..self.entries.len() {
            let lines = self.lay(at, look).len();
            if lines >= left {
                let hidden = lines - left;
                let is_end = at + 1 == self.entries.len() && hidden == 0;
                return (!is_end).then(|| Bottom { row: self.id(at), hidden });
            }
            left -= lines;
        }
        None
    }

    fn start(&self) -> (usize, usize) {
        let end = self.entries.len().saturating_sub(1);
        let Some(bottom) = self.bottom else { return (end, 0) };
        self.place(bottom.row).map_or((0, 0), |at| (at, bottom.hidden))
    }

    fn lay(&mut self, at: usize, look: Look) -> &[Line<'static>] {
        let id = self.id(at);
        let entry = &mut self.entries[at];
        if entry.laid.as_ref().is_none_or(|(kept, _)| *kept != look) {
            entry.laid = Some((look, paint::lay(&entry.row, look)));
            self.laid_count += 1;
            if !self.kept.contains(&id) {
                self.kept.push(id);
            }
        }
        entry.laid.as_ref().map_or(&[], |(_, lines)| lines)
    }

    /// Lets go of lines of rows that are not on the screen.
    fn forget_unseen(&mut self, first: usize) {
        let range = self.id(first)..=self.id(self.start().0);
        let kept = std::mem::take(&mut self.kept);
        for id in kept {
            if range.contains(&id) {
                self.kept.push(id);
            } else if let Some(at) = self.place(id) {
                self.entries[at].laid = None;
            }
        }
    }

    fn id(&self, at: usize) -> RowId {
        RowId(self.first + at as u64)
    }

    fn place(&self, id: RowId) -> Option<usize> {
        let at = usize::try_from(id.0.checked_sub(self.first)?).ok()?;
        (at < self.entries.len()).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::{
        paint::{Theme, Unfolded},
        row,
    };

    const LOOK: Look = Look {
        width: 40,
        theme: Theme::PLAIN,
        unfolded: Unfolded { tools: false, thinking: false },
    };

    /// Each row has an empty line and one with its number.
    fn log(count: usize) -> Log {
        let mut log = Log::default();
        for n in 0..count {
            log.push(Row::Notice(n.to_string()));
        }
        log
    }

    fn shown(log: &mut Log, height: usize) -> Vec<String> {
        let lines = log.visible(LOOK, height);
        lines.iter().map(ToString::to_string).filter(|it| !it.is_empty()).collect()
    }

    #[test]
    fn of_a_long_log_only_what_is_visible_is_laid_out() {
        let mut log = log(10_000);

        let end = shown(&mut log, 20);
        let first = log.laid_count();
        shown(&mut log, 20);
        let again = log.laid_count();
        log.push(Row::Notice("new".into()));
        shown(&mut log, 20);

        assert_eq!(end.last().map(String::as_str), Some("· 9999"));
        assert_eq!((first, again, log.laid_count()), (10, 10, 11));
    }

    #[test]
    fn scrolling_lays_out_what_it_passes_and_both_ends_hold() {
        let mut log = log(10_000);
        shown(&mut log, 20);

        log.scroll_pages(1);
        let up = shown(&mut log, 20);
        let passed = log.laid_count();
        log.scroll_to_top();
        let top = shown(&mut log, 20);
        log.scroll_lines(50);
        let above = shown(&mut log, 20);
        log.scroll_pages(-1);
        log.scroll_lines(-2);
        let down = shown(&mut log, 20);

        assert_eq!((up[0].as_str(), passed), ("· 9981", 19));
        assert_eq!((top[0].as_str(), top.last().unwrap().as_str()), ("· 0", "· 9"));
        assert_eq!(above, top);
        assert_eq!(down[0], "· 1");
        assert!(log.laid_count() < 100, "{}", log.laid_count());
        log.scroll_pages(-10_000);
        assert_eq!(shown(&mut log, 20).last().unwrap(), "· 9999");
        assert!(!log.is_scrolled());
    }

    #[test]
    fn a_reader_who_scrolled_up_stays_where_they_are() {
        let mut log = log(100);
        log.scroll_lines(10);
        let before = shown(&mut log, 10);

        log.push(Row::Notice("new".into()));

        assert_eq!(shown(&mut log, 10), before);
        log.follow();
        assert_eq!(shown(&mut log, 10).last().unwrap(), "· new");
    }

    #[test]
    fn one_very_long_reply_is_laid_out_in_parts() {
        let mut log = Log::default();
        for row in row::user(&"line\n".repeat(10_000)) {
            log.push(row);
        }

        let lines = log.visible(LOOK, 30);

        assert_eq!((lines.len(), log.laid_count()), (30, 1));
    }
}
