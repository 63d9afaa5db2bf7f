//! What conversations cost, added up by day, model and tool. Pure, but for the time zone.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::AddAssign,
    sync::Arc,
};

use domain::{UnixMillis, Usage};
use jiff::{civil::Date, tz::TimeZone};
use serde::Serialize;
use store::{Teller, Told};

/// Tokens and dollars as clients know them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Totals {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cache_read: u64,
    pub(crate) cache_write: u64,
    pub(crate) total_tokens: u64,
    pub(crate) total_cost: f64,
    pub(crate) input_cost: f64,
    pub(crate) output_cost: f64,
    pub(crate) cache_read_cost: f64,
    pub(crate) cache_write_cost: f64,
    /// Replies of which nothing is known.
    pub(crate) missing_cost_entries: u64,
}

/// How many of each sort there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Messages {
    pub(crate) total: u64,
    pub(crate) user: u64,
    pub(crate) assistant: u64,
    pub(crate) tool_calls: u64,
    pub(crate) tool_results: u64,
    pub(crate) errors: u64,
}

/// Some messages, added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) totals: Totals,
    pub(crate) messages: Messages,
    pub(crate) tools: BTreeMap<Arc<str>, u64>,
    pub(crate) models: BTreeMap<(Arc<str>, Arc<str>), (u64, Totals)>,
    pub(crate) days: BTreeMap<Date, Day>,
    pub(crate) first: Option<UnixMillis>,
    pub(crate) last: Option<UnixMillis>,
}

/// One day of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Day {
    pub(crate) totals: Totals,
    pub(crate) messages: Messages,
    pub(crate) models: BTreeMap<(Arc<str>, Arc<str>), Totals>,
}

/// Which days are meant, both ends included, and where a day begins.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(crate) from: Date,
    pub(crate) to: Date,
    pub(crate) zone: TimeZone,
}

impl Span {
    /// The `days` days that end with the one of `now`.
    pub(crate) fn last_days(days: u32, now: UnixMillis, zone: TimeZone) -> Self {
        let to = date(now, &zone);
        let back = jiff::Span::new().days(i64::from(days.clamp(1, 36_500)) - 1);
        Self { from: to.saturating_sub(back), to, zone }
    }

    /// Whether something happened on one of the days; then on which.
    fn day_of(&self, at: UnixMillis) -> Option<Date> {
        let day = date(at, &self.zone);
        (self.from <= day && day <= self.to).then_some(day)
    }

    /// How many days it has.
    pub(crate) fn days(&self) -> u64 {
        let days = self.to.since(self.from).map_or(0, |it| it.get_days());
        u64::try_from(days).unwrap_or(0) + 1
    }

    /// Its days in order.
    pub(crate) fn each_day(&self) -> impl Iterator<Item = Date> + '_ {
        self.from.series(jiff::Span::new().days(1)).take_while(|day| *day <= self.to)
    }
}

fn date(at: UnixMillis, zone: &TimeZone) -> Date {
    at.timestamp().to_zoned(zone.clone()).date()
}

impl Sum {
    /// Adds what of `told` happened within `span`.
    pub(crate) fn add(&mut self, told: &[Told], span: &Span) {
        for told in told {
            let Some(date) = span.day_of(told.at) else { continue };
            self.first = Some(self.first.map_or(told.at, |it| it.min(told.at)));
            self.last = Some(self.last.map_or(told.at, |it| it.max(told.at)));
            let day = self.days.entry(date).or_default();
            let messages = Messages::of(told);
            self.messages += messages;
            day.messages += messages;
            if let Teller::Assistant { provider, model, usage, calls, .. } = &told.by {
                let totals = Totals::of(usage.as_ref());
                let name = (Arc::clone(provider), Arc::clone(model));
                self.totals += totals;
                day.totals += totals;
                *day.models.entry(name.clone()).or_default() += totals;
                let (count, sum) = self.models.entry(name).or_default();
                *count += 1;
                *sum += totals;
                for call in calls {
                    *self.tools.entry(Arc::clone(call)).or_default() += 1;
                }
            }
        }
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.total == 0
    }

    /// Adds another sum.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.totals += other.totals;
        self.messages += other.messages;
        for (tool, count) in &other.tools {
            *self.tools.entry(Arc::clone(tool)).or_default() += count;
        }
        for (name, (count, totals)) in &other.models {
            let (sum_count, sum) = self.models.entry(name.clone()).or_default();
            *sum_count += count;
            *sum += *totals;
        }
        for (date, day) in &other.days {
            let sum = self.days.entry(*date).or_default();
            sum.totals += day.totals;
            sum.messages += day.messages;
            for (name, totals) in &day.models {
                *sum.models.entry(name.clone()).or_default() += *totals;
            }
        }
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
    }

    /// Days on which something happened.
    pub(crate) fn active_days(&self) -> BTreeSet<Date> {
        self.days.keys().copied().collect()
    }
}

impl Totals {
    fn of(usage: Option<&Usage>) -> Self {
        let Some(usage) = usage else { return Self { missing_cost_entries: 1, ..Self::default() } };
        Self {
            input: usage.input,
            output: usage.output,
            cache_read: usage.cache_read,
            cache_write: usage.cache_write,
            total_tokens: usage.total_tokens,
            total_cost: usage.cost.total,
            input_cost: usage.cost.input,
            output_cost: usage.cost.output,
            cache_read_cost: usage.cost.cache_read,
            cache_write_cost: usage.cost.cache_write,
            missing_cost_entries: 0,
        }
    }
}

impl Messages {
    fn of(told: &Told) -> Self {
        let one = Self { total: 1, ..Self::default() };
        match &told.by {
            Teller::User => Self { user: 1, ..one },
            Teller::Assistant { calls, is_error, .. } => Self {
                assistant: 1,
                tool_calls: calls.len() as u64,
                errors: u64::from(*is_error),
                ..one
            },
            Teller::Tool { is_error } => {
                Self { tool_results: 1, errors: u64::from(*is_error), ..one }
            }
        }
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.total_tokens += other.total_tokens;
        self.total_cost += other.total_cost;
        self.input_cost += other.input_cost;
        self.output_cost += other.output_cost;
        self.cache_read_cost += other.cache_read_cost;
        self.cache_write_cost += other.cache_write_cost;
        self.missing_cost_entries += other.missing_cost_entries;
    }
}

impl AddAssign for Messages {
    fn add_assign(&mut self, other: Self) {
        self.total += other.total;
        self.user += other.user;
        self.assistant += other.assistant;
        self.tool_calls += other.tool_calls;
        self.tool_results += other.tool_results;
        self.errors += other.errors;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(at: i64, tokens: u64) -> Told {
        let usage = Usage { input: tokens, total_tokens: tokens, ..Usage::default() };
        let by = Teller::Assistant {
            provider: "p".into(),
            model: "m".into(),
            usage: Some(usage),
            calls: vec!["exec".into()],
            is_error: false,
        };
        Told { at: UnixMillis(at), by, bytes: 1 }
    }

    #[test]
    fn a_day_begins_at_midnight_of_the_zone() {
        let day = 86_400_000;
        let span = Span::last_days(2, UnixMillis(10 * day + 1), TimeZone::UTC);
        let told = [reply(9 * day - 1, 1), reply(9 * day, 2), reply(10 * day, 4)];
        let mut sum = Sum::default();

        sum.add(&told, &span);

        let by_day: Vec<u64> = sum.days.values().map(|it| it.totals.total_tokens).collect();
        assert_eq!((by_day, sum.totals.total_tokens), (vec![2, 4], 6));
        assert_eq!((span.days(), span.each_day().count()), (2, 2));
        let east = TimeZone::fixed(jiff::tz::offset(1));
        let mut sum = Sum::default();
        sum.add(&told, &Span { zone: east, ..span });
        assert_eq!(sum.totals.total_tokens, 7);
    }

    #[test]
    fn merging_is_adding() {
        let span = Span::last_days(1, UnixMillis(0), TimeZone::UTC);
        let (first, second) = ([reply(0, 1)], [reply(5, 2), reply(6, 3)]);
        let mut whole = Sum::default();
        whole.add(&first, &span);
        whole.add(&second, &span);
        let (mut left, mut right) = (Sum::default(), Sum::default());
        left.add(&first, &span);
        right.add(&second, &span);

        left.merge(&right);

        assert_eq!((left.totals, left.messages), (whole.totals, whole.messages));
        assert_eq!((left.first, left.last), (whole.first, whole.last));
        assert_eq!(left.tools[&Arc::from("exec")], 3);
    }
}
