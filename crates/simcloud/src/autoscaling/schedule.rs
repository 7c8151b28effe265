//! Schedules: `at(…)`, `rate(…)` and `cron(…)`.
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html>

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use jiff::{
    civil::{Date, DateTime, Weekday, time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};

use crate::Moment;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const YEARS: RangeInclusive<i64> = 1970..=2199;

/// The longest that a date of a cron expression is away: the leap day before one in 1900, 2100 or 2200.
const DAYS_AHEAD: usize = 366 * 9;

/// A schedule as it was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Schedule {
    text: String,
    zone: Option<String>,
}

enum Expression {
    At(DateTime),
    Rate(Duration),
    Cron(Cron),
}

/// The values that the fields of a cron expression take.
struct Cron {
    minutes: BTreeSet<i64>,
    hours: BTreeSet<i64>,
    days: Days,
    months: BTreeSet<i64>,
    years: BTreeSet<i64>,
}

enum Days {
    OfMonth(Vec<DayOfMonth>),
    OfWeek(Vec<DayOfWeek>),
}

enum DayOfMonth {
    On(BTreeSet<i64>),
    /// `L`
    Last,
    /// `15W`: the weekday next to it.
    Nearest(i64),
}

enum DayOfWeek {
    On(BTreeSet<i64>),
    /// `6L`: the last Friday.
    Last(i64),
    /// `6#3`: the third Friday.
    Nth(i64, i64),
}

fn invalid(detail: impl std::fmt::Display) -> String {
    format!("Invalid schedule expression. Details: {detail}")
}

impl Schedule {
    /// Checks a schedule and its time zone.
    ///
    /// # Errors
    /// The message of the `ValidationException`.
    pub(super) fn parse(text: &str, zone: Option<&str>) -> Result<Self, String> {
        let expression = Expression::parse(text)?;
        if let Some(name) = zone {
            if matches!(expression, Expression::Rate(_)) {
                return Err("Timezone can only be specified with an at or cron expression".to_owned());
            }
            TimeZone::get(name).map_err(|_| format!("{name} is not a valid time zone"))?;
        }
        Ok(Self { text: text.to_owned(), zone: zone.map(str::to_owned) })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The first moment after `from` at which it is due. Rates are counted from `base`.
    pub(super) fn next(&self, from: Moment, base: Moment) -> Option<Moment> {
        let zone = self.zone().map_or(Some(TimeZone::UTC), |name| TimeZone::get(name).ok())?;
        match Expression::parse(&self.text).ok()? {
            Expression::At(at) => moment(at, &zone).filter(|at| *at > from),
            Expression::Rate(rate) => {
                let period = rate.as_millis() as u64;
                let passed = (from.0 + 1).saturating_sub(base.0).div_ceil(period);
                Some(Moment(base.0 + passed * period))
            }
            Expression::Cron(cron) => cron.next(from, &zone),
        }
    }
}

fn moment(at: DateTime, zone: &TimeZone) -> Option<Moment> {
    let zoned = at.to_zoned(zone.clone()).ok()?;
    u64::try_from(zoned.timestamp().as_millisecond()).ok().map(Moment)
}

impl Expression {
    fn parse(text: &str) -> Result<Self, String> {
        let inner = |name: &str| text.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
        if let Some(at) = inner("at") {
            let at = at.parse::<DateTime>().ok().filter(|_| at.len() == "yyyy-mm-ddThh:mm:ss".len());
            return at
                .map(Self::At)
                .ok_or_else(|| invalid(format_args!("{text} is not at(yyyy-mm-ddThh:mm:ss)")));
        }
        if let Some(rate) = inner("rate") {
            let rate = rate.split_once(' ').and_then(|(value, unit)| period(value, unit));
            return rate
                .map(Self::Rate)
                .ok_or_else(|| invalid(format_args!("{text} is not rate(value unit)")));
        }
        if let Some(fields) = inner("cron") {
            let fields: Vec<_> = fields.split_whitespace().collect();
            return Cron::parse(&fields).map(Self::Cron);
        }
        Err(invalid("Schedule expression must be at(…), rate(…) or cron(…)"))
    }
}

/// The period of a rate. The unit of 1 is in the singular, as that of nothing else.
fn period(value: &str, unit: &str) -> Option<Duration> {
    let value: u64 = value.parse().ok().filter(|value| *value > 0)?;
    let singular = if value == 1 { unit } else { unit.strip_suffix('s')? };
    let minutes = match singular {
        "minute" => 1,
        "hour" => 60,
        "day" => 24 * 60,
        _ => return None,
    };
    Some(Duration::from_secs(value.checked_mul(minutes * 60)?))
}

impl Cron {
    fn parse(fields: &[&str]) -> Result<Self, String> {
        let [minutes, hours, days, months, weekdays, years] = fields else {
            return Err(invalid(format_args!("a cron expression has six fields, not {}", fields.len())));
        };
        let days = match (*days, *weekdays) {
            ("?", "?") => return Err(invalid("one of Day_of_Month and Day_of_Week must not be ?")),
            ("?", weekdays) => {
                let parts = weekdays.split(',').map(DayOfWeek::parse);
                Days::OfWeek(parts.collect::<Result<_, _>>()?)
            }
            (days, "?") => Days::OfMonth(days.split(',').map(DayOfMonth::parse).collect::<Result<_, _>>()?),
            _ => return Err(invalid("one of Day_of_Month and Day_of_Week must be ?")),
        };
        Ok(Self {
            minutes: values(minutes, 0..=59, &[])?,
            hours: values(hours, 0..=23, &[])?,
            days,
            months: values(months, 1..=12, &MONTHS)?,
            years: values(years, YEARS, &[])?,
        })
    }

    fn has(&self, date: Date) -> bool {
        self.years.contains(&date.year().into())
            && self.months.contains(&date.month().into())
            && match &self.days {
                Days::OfMonth(parts) => parts.iter().any(|part| part.has(date)),
                Days::OfWeek(parts) => parts.iter().any(|part| part.has(date)),
            }
    }

    fn next(&self, from: Moment, zone: &TimeZone) -> Option<Moment> {
        let now = jiff::Timestamp::from_millisecond(from.0 as i64).ok()?.to_zoned(zone.clone());
        let mut date = now.date();
        for _ in 0..DAYS_AHEAD {
            if self.has(date) {
                let times =
                    self.hours.iter().flat_map(|hour| self.minutes.iter().map(move |minute| (hour, minute)));
                let mut moments = times.filter_map(|(hour, minute)| {
                    moment(date.to_datetime(time(*hour as i8, *minute as i8, 0, 0)), zone)
                });
                if let Some(next) = moments.find(|next| *next > from) {
                    return Some(next);
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

/// The values of a field: `*`, `A`, `A-B`, each also with `/STEP`, in a list.
fn values(field: &str, range: RangeInclusive<i64>, names: &[&str]) -> Result<BTreeSet<i64>, String> {
    let wrong = || invalid(format_args!("{field} is not a valid field"));
    let number = |text: &str| {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let number = named.map_or_else(|| text.parse().ok(), |index| Some(index as i64 + 1));
        number.filter(|number| range.contains(number)).ok_or_else(wrong)
    };
    let mut all = BTreeSet::new();
    for part in field.split(',') {
        let (span, step) = part.split_once('/').map_or((part, None), |(span, step)| (span, Some(step)));
        let (first, last) = match span.split_once('-') {
            Some((first, last)) => (number(first)?, number(last)?),
            None if span == "*" => (*range.start(), *range.end()),
            None if step.is_some() => (number(span)?, *range.end()),
            None => (number(span)?, number(span)?),
        };
        let step = step.map_or(Ok(1), |step| step.parse::<usize>().map_err(|_| wrong()))?;
        if step == 0 || first > last {
            return Err(wrong());
        }
        all.extend((first..=last).step_by(step));
    }
    Ok(all)
}

impl DayOfMonth {
    fn parse(part: &str) -> Result<Self, String> {
        let range = 1..=31;
        match part.strip_suffix('W') {
            _ if part == "L" => Ok(Self::Last),
            Some(day) => {
                let day = day.parse().ok().filter(|day| range.contains(day));
                day.map(Self::Nearest).ok_or_else(|| invalid(format_args!("{part} is not a valid field")))
            }
            None => values(part, range, &[]).map(Self::On),
        }
    }

    fn has(&self, date: Date) -> bool {
        match self {
            Self::On(days) => days.contains(&date.day().into()),
            Self::Last => date == date.last_of_month(),
            Self::Nearest(day) => nearest_weekday(date, *day) == Some(date),
        }
    }
}

/// The weekday next to a day of the month that `date` lies in.
fn nearest_weekday(date: Date, day: i64) -> Option<Date> {
    let day = Date::new(date.year(), date.month(), i8::try_from(day).ok()?).ok()?;
    let within = |one: Option<Date>| one.filter(|one| one.month() == day.month());
    match day.weekday() {
        Weekday::Saturday => within(day.yesterday().ok()).or_else(|| day.tomorrow().ok()?.tomorrow().ok()),
        Weekday::Sunday => within(day.tomorrow().ok()).or_else(|| day.yesterday().ok()?.yesterday().ok()),
        _ => Some(day),
    }
}

impl DayOfWeek {
    fn parse(part: &str) -> Result<Self, String> {
        let wrong = || invalid(format_args!("{part} is not a valid field"));
        let one = |text: &str| {
            let days = values(text, 1..=7, &WEEKDAYS)?;
            days.first().copied().filter(|_| days.len() == 1).ok_or_else(wrong)
        };
        if part == "L" {
            return Ok(Self::On([7].into()));
        }
        if let Some((day, nth)) = part.split_once('#') {
            let nth = nth.parse().ok().filter(|nth| (1..=5).contains(nth)).ok_or_else(wrong)?;
            return Ok(Self::Nth(one(day)?, nth));
        }
        match part.strip_suffix('L') {
            Some(day) => Ok(Self::Last(one(day)?)),
            None => values(part, 1..=7, &WEEKDAYS).map(Self::On),
        }
    }

    fn has(&self, date: Date) -> bool {
        let day = i64::from(date.weekday().to_sunday_one_offset());
        match self {
            Self::On(days) => days.contains(&day),
            Self::Last(wanted) => day == *wanted && date.day() + 7 > date.days_in_month(),
            Self::Nth(wanted, nth) => day == *wanted && i64::from((date.day() - 1) / 7 + 1) == *nth,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Moment {
        Moment(text.parse::<jiff::Timestamp>().unwrap().as_millisecond() as u64)
    }

    fn next(schedule: &str, zone: Option<&str>, from: &str) -> Option<String> {
        let from = at(from);
        Some(Schedule::parse(schedule, zone).unwrap().next(from, from)?.iso())
    }

    #[test]
    fn schedules_are_due() {
        // A Monday.
        let from = "2026-11-30T10:00:00Z";
        for (schedule, due) in [
            ("at(2026-12-24T18:00:00)", Some("2026-12-24T18:00:00Z")),
            ("at(2026-11-30T10:00:00)", None),
            ("rate(1 hour)", Some("2026-11-30T11:00:00Z")),
            ("rate(2 days)", Some("2026-12-02T10:00:00Z")),
            ("cron(0 10 * * ? *)", Some("2026-12-01T10:00:00Z")),
            ("cron(*/15 * * * ? *)", Some("2026-11-30T10:15:00Z")),
            ("cron(5/10 10-11 * * ? *)", Some("2026-11-30T10:05:00Z")),
            ("cron(30 8 ? * MON-FRI *)", Some("2026-12-01T08:30:00Z")),
            ("cron(0 0 ? * 1,7 *)", Some("2026-12-05T00:00:00Z")),
            ("cron(0 22 L * ? *)", Some("2026-11-30T22:00:00Z")),
            ("cron(0 9 ? * 6L *)", Some("2026-12-25T09:00:00Z")),
            ("cron(0 9 ? * 6#2 *)", Some("2026-12-11T09:00:00Z")),
            // The 6th is a Sunday.
            ("cron(0 9 6W 12 ? *)", Some("2026-12-07T09:00:00Z")),
            ("cron(0 0 29 FEB ? *)", Some("2028-02-29T00:00:00Z")),
            ("cron(0 0 1 1 ? 2025)", None),
        ] {
            assert_eq!(next(schedule, None, from).as_deref(), due, "{schedule}");
        }
    }

    #[test]
    fn zone_moves_the_clock() {
        let due = |from| next("cron(0 8 * * ? *)", Some("Europe/Berlin"), from).unwrap();
        assert_eq!(due("2026-10-24T00:00:00Z"), "2026-10-24T06:00:00Z");
        assert_eq!(due("2026-10-26T00:00:00Z"), "2026-10-26T07:00:00Z");
    }

    #[test]
    fn wrong_schedules_are_refused() {
        for schedule in [
            "0 8 * * ? *",
            "at(2026-12-24)",
            "rate(1 hours)",
            "rate(5 hour)",
            "rate(0 minutes)",
            "cron(0 8 * * *)",
            "cron(0 8 * * * *)",
            "cron(0 8 ? * ? *)",
            "cron(60 8 * * ? *)",
            "cron(0 8 ? * MUN *)",
            "cron(0 8 ? * 6#6 *)",
            "cron(0 9-8 * * ? *)",
            "cron(0/0 8 * * ? *)",
        ] {
            let message = Schedule::parse(schedule, None).unwrap_err();
            assert!(message.starts_with("Invalid schedule expression"), "{schedule}: {message}");
        }
        assert!(Schedule::parse("rate(1 day)", Some("Europe/Berlin")).is_err());
        assert!(Schedule::parse("at(2026-12-24T18:00:00)", Some("Europe/Atlantis")).is_err());
    }
}
