//! Events that come again (<https://learn.microsoft.com/graph/api/resources/recurrencepattern>).

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use serde_json::Value;

use super::super::letter::wrong;
use super::super::refusal::Refusal;

/// A rule by which an event comes again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recurrence {
    pattern: Pattern,
    interval: i32,
    start: Date,
    end: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Daily,
    Weekly {
        days: Vec<Weekday>,
        first: Weekday,
    },
    /// On a day of the month, or the last if there is none such.
    AbsoluteMonthly {
        day: i8,
    },
    RelativeMonthly {
        days: Vec<Weekday>,
        index: Index,
    },
    AbsoluteYearly {
        month: i8,
        day: i8,
    },
    RelativeYearly {
        month: i8,
        days: Vec<Weekday>,
        index: Index,
    },
}

/// Which of the days that fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Index {
    Nth(usize),
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Never,
    On(Date),
    After(usize),
}

impl Recurrence {
    /// Reads `{"pattern": …, "range": …}`.
    pub(super) fn read(value: &Value) -> Result<Self, Refusal> {
        let (pattern, range) = (&value["pattern"], &value["range"]);
        let start = date(&range["startDate"]).ok_or_else(|| wrong("startDate"))?;
        let interval = pattern["interval"].as_i64().unwrap_or(1);
        let interval = i32::try_from(interval)
            .ok()
            .filter(|interval| (1..=999).contains(interval));
        let end = match range["type"].as_str().unwrap_or("noEnd") {
            "noEnd" => End::Never,
            "endDate" => End::On(date(&range["endDate"]).ok_or_else(|| wrong("endDate"))?),
            "numbered" => {
                let count = range["numberOfOccurrences"].as_u64();
                let count = count.and_then(|count| usize::try_from(count).ok());
                End::After(
                    count
                        .filter(|count| *count > 0)
                        .ok_or_else(|| wrong("numberOfOccurrences"))?,
                )
            }
            _ => return Err(wrong("range")),
        };
        Ok(Self {
            pattern: Pattern::read(pattern, start)?,
            interval: interval.ok_or_else(|| wrong("interval"))?,
            start,
            end,
        })
    }

    /// The days on which it happens, in their order, up to `until`.
    pub(super) fn days(&self, until: Date) -> Vec<Date> {
        let last = match self.end {
            End::On(end) => end.min(until),
            End::Never | End::After(_) => until,
        };
        let most = match self.end {
            End::After(count) => count.min(MOST),
            End::Never | End::On(_) => MOST,
        };
        let mut days = Vec::new();
        for step in 0..MOST_STEPS {
            let Some((from, round)) = self.round(step) else {
                break;
            };
            if from > last {
                break;
            }
            for day in round {
                if day >= self.start && day <= last && days.len() < most {
                    days.push(day);
                }
            }
            if days.len() >= most {
                break;
            }
        }
        days
    }

    /// The days of one round of the rule, and from when on they are.
    fn round(&self, step: i32) -> Option<(Date, Vec<Date>)> {
        let steps = step.checked_mul(self.interval)?;
        match &self.pattern {
            Pattern::Daily => {
                let day = self.start.checked_add(steps.days()).ok()?;
                Some((day, vec![day]))
            }
            Pattern::Weekly { days, first } => {
                let back = self.start.weekday().since(*first);
                let week = self.start.checked_sub(i32::from(back).days()).ok()?;
                let week = week.checked_add(steps.weeks()).ok()?;
                let all = (0..7).filter_map(|day: i32| week.checked_add(day.days()).ok());
                Some((
                    week,
                    all.filter(|day| days.contains(&day.weekday())).collect(),
                ))
            }
            Pattern::AbsoluteMonthly { day } => {
                let month = self
                    .start
                    .first_of_month()
                    .checked_add(steps.months())
                    .ok()?;
                Some((month, vec![on_day(month, *day)]))
            }
            Pattern::RelativeMonthly { days, index } => {
                let month = self
                    .start
                    .first_of_month()
                    .checked_add(steps.months())
                    .ok()?;
                Some((month, index.of(month, days).into_iter().collect()))
            }
            Pattern::AbsoluteYearly { month, day } => {
                let month = self.month_of_year(*month, steps)?;
                Some((month, vec![on_day(month, *day)]))
            }
            Pattern::RelativeYearly { month, days, index } => {
                let month = self.month_of_year(*month, steps)?;
                Some((month, index.of(month, days).into_iter().collect()))
            }
        }
    }

    fn month_of_year(&self, month: i8, years: i32) -> Option<Date> {
        let first = Date::new(self.start.year(), month, 1).ok()?;
        first.checked_add(years.years()).ok()
    }
}

impl Pattern {
    fn read(value: &Value, start: Date) -> Result<Self, Refusal> {
        let day = || number(&value["dayOfMonth"], 31).unwrap_or(start.day());
        let month = || number(&value["month"], 12).unwrap_or(start.month());
        let days = || weekdays(&value["daysOfWeek"]).unwrap_or_else(|| vec![start.weekday()]);
        let index = || Index::named(value["index"].as_str().unwrap_or("first"));
        let index = || index().ok_or_else(|| wrong("index"));
        Ok(match value["type"].as_str().unwrap_or_default() {
            "daily" => Self::Daily,
            "weekly" => Self::Weekly {
                days: days(),
                first: value["firstDayOfWeek"]
                    .as_str()
                    .and_then(weekday)
                    .unwrap_or(Weekday::Sunday),
            },
            "absoluteMonthly" => Self::AbsoluteMonthly { day: day() },
            "relativeMonthly" => Self::RelativeMonthly {
                days: days(),
                index: index()?,
            },
            "absoluteYearly" => Self::AbsoluteYearly {
                month: month(),
                day: day(),
            },
            "relativeYearly" => Self::RelativeYearly {
                month: month(),
                days: days(),
                index: index()?,
            },
            _ => return Err(wrong("pattern")),
        })
    }
}

impl Index {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "first" => Self::Nth(0),
            "second" => Self::Nth(1),
            "third" => Self::Nth(2),
            "fourth" => Self::Nth(3),
            "last" => Self::Last,
            _ => return None,
        })
    }

    fn of(self, month: Date, days: &[Weekday]) -> Option<Date> {
        let all = (1..=month.days_in_month()).map(|day| on_day(month, day));
        let mut fitting = all.filter(|day| days.contains(&day.weekday()));
        match self {
            Self::Nth(index) => fitting.nth(index),
            Self::Last => fitting.next_back(),
        }
    }
}

fn on_day(month: Date, day: i8) -> Date {
    let day = day.clamp(1, month.days_in_month());
    Date::new(month.year(), month.month(), day).unwrap_or(month)
}

fn date(value: &Value) -> Option<Date> {
    value.as_str()?.parse().ok()
}

fn number(value: &Value, most: i64) -> Option<i8> {
    let number = value
        .as_i64()
        .filter(|number| (1..=most).contains(number))?;
    i8::try_from(number).ok()
}

fn weekdays(value: &Value) -> Option<Vec<Weekday>> {
    let names = value.as_array()?.iter();
    let days: Option<Vec<Weekday>> = names.map(|name| weekday(name.as_str()?)).collect();
    days.filter(|days| !days.is_empty())
}

fn weekday(name: &str) -> Option<Weekday> {
    Some(match name.to_ascii_lowercase().as_str() {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return None,
    })
}

/// The most days of one event that are looked at.
const MOST: usize = 50_000;

/// The most rounds of one rule that are looked at.
const MOST_STEPS: i32 = 200_000;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn days(pattern: &Value, range: &Value, until: &str) -> Vec<String> {
        let rule = json!({"pattern": pattern, "range": range});
        let rule = Recurrence::read(&rule)
            .map_err(|refusal| refusal.message)
            .expect("a rule");
        rule.days(until.parse().expect("a day"))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn rules_name_their_days() {
        let open = |start: &str| json!({"type": "noEnd", "startDate": start});
        assert_eq!(
            days(
                &json!({"type": "daily", "interval": 3}),
                &open("2026-02-26"),
                "2026-03-05"
            ),
            ["2026-02-26", "2026-03-01", "2026-03-04"]
        );
        let weekly = json!({"type": "weekly", "interval": 2, "daysOfWeek": ["monday", "thursday"], "firstDayOfWeek": "monday"});
        assert_eq!(
            days(&weekly, &open("2026-01-01"), "2026-01-31"),
            [
                "2026-01-01",
                "2026-01-12",
                "2026-01-15",
                "2026-01-26",
                "2026-01-29"
            ]
        );
        assert_eq!(
            days(
                &json!({"type": "absoluteMonthly", "interval": 1, "dayOfMonth": 31}),
                &open("2026-01-31"),
                "2026-04-30"
            ),
            ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]
        );
        let last_friday = json!({"type": "relativeMonthly", "interval": 1, "daysOfWeek": ["friday"], "index": "last"});
        assert_eq!(
            days(&last_friday, &open("2026-01-15"), "2026-03-01"),
            ["2026-01-30", "2026-02-27"]
        );
        let yearly = json!({"type": "absoluteYearly", "interval": 1, "month": 2, "dayOfMonth": 29});
        assert_eq!(
            days(&yearly, &open("2024-02-29"), "2026-12-31"),
            ["2024-02-29", "2025-02-28", "2026-02-28"]
        );
    }

    #[test]
    fn ranges_end() {
        let daily = json!({"type": "daily", "interval": 1});
        let numbered =
            json!({"type": "numbered", "startDate": "2026-01-01", "numberOfOccurrences": 2});
        assert_eq!(days(&daily, &numbered, "2026-12-31").len(), 2);
        let ended = json!({"type": "endDate", "startDate": "2026-01-01", "endDate": "2026-01-03"});
        assert_eq!(days(&daily, &ended, "2026-12-31").len(), 3);
        let endless = json!({"type": "noEnd", "startDate": "0001-01-01"});
        assert!(days(&daily, &endless, "9999-12-31").len() <= MOST);
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let range = json!({"type": "noEnd", "startDate": "2026-01-01"});
        for rule in [
            json!({}),
            json!({"pattern": {"type": "hourly"}, "range": range}),
            json!({"pattern": {"type": "daily", "interval": 0}, "range": range}),
            json!({"pattern": {"type": "daily"}, "range": {"type": "numbered", "startDate": "2026-01-01"}}),
            json!({"pattern": {"type": "relativeMonthly", "index": "fifth"}, "range": range}),
        ] {
            assert!(Recurrence::read(&rule).is_err(), "{rule}");
        }
    }
}
