//! Something for each audience: what a map says, in the room that it takes.

use crate::Audience;

/// A map by audience, in that order. A `BTreeMap` makes room for eleven at the first, and there are
/// thousands of keepers with one.
#[derive(Debug, Clone)]
pub(super) struct PerAudience<T> {
    exchange: Option<Box<T>>,
    graph: Option<Box<T>>,
}

impl<T> PerAudience<T> {
    pub(super) fn get(&self, audience: Audience) -> Option<&T> {
        match audience {
            Audience::Exchange => self.exchange.as_deref(),
            Audience::Graph => self.graph.as_deref(),
        }
    }

    pub(super) fn get_mut(&mut self, audience: Audience) -> Option<&mut T> {
        self.place(audience).as_deref_mut()
    }

    /// What is there for `audience`, which is the default if nothing was.
    pub(super) fn or_default(&mut self, audience: Audience) -> &mut T
    where
        T: Default,
    {
        self.place(audience).get_or_insert_default()
    }

    /// Puts `value` in the place of what was there, and returns that.
    pub(super) fn insert(&mut self, audience: Audience, value: T) -> Option<T> {
        let before = self.place(audience).replace(Box::new(value));
        before.map(|before| *before)
    }

    pub(super) fn remove(&mut self, audience: Audience) {
        *self.place(audience) = None;
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        for place in [&mut self.exchange, &mut self.graph] {
            if place.as_deref().is_some_and(|value| !keep(value)) {
                *place = None;
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Audience, &T)> {
        [Audience::Exchange, Audience::Graph]
            .into_iter()
            .filter_map(|audience| Some((audience, self.get(audience)?)))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.iter().map(|(_, value)| value)
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        let both = [&mut self.exchange, &mut self.graph].into_iter();
        both.filter_map(|place| place.as_deref_mut())
    }

    fn place(&mut self, audience: Audience) -> &mut Option<Box<T>> {
        match audience {
            Audience::Exchange => &mut self.exchange,
            Audience::Graph => &mut self.graph,
        }
    }
}

impl<T> Default for PerAudience<T> {
    fn default() -> Self {
        Self {
            exchange: None,
            graph: None,
        }
    }
}

impl<T> FromIterator<(Audience, T)> for PerAudience<T> {
    fn from_iter<I: IntoIterator<Item = (Audience, T)>>(pairs: I) -> Self {
        let mut this = Self::default();
        for (audience, value) in pairs {
            this.insert(audience, value);
        }
        this
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_the_audiences_apart_and_keeps_their_order() {
        let mut numbers = PerAudience::from_iter([(Audience::Graph, 2), (Audience::Exchange, 1)]);
        assert_eq!(numbers.values().copied().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(numbers.insert(Audience::Graph, 3), Some(2));
        for number in numbers.values_mut() {
            *number *= 10;
        }
        numbers.retain(|number| *number > 10);
        assert_eq!(numbers.get(Audience::Exchange), None);
        assert_eq!(*numbers.or_default(Audience::Exchange), 0);
        let pairs: Vec<_> = numbers.iter().collect();
        assert_eq!(pairs, [(Audience::Exchange, &0), (Audience::Graph, &30)]);
        numbers.remove(Audience::Graph);
        assert_eq!(numbers.get_mut(Audience::Graph), None);
        numbers.clear();
        assert_eq!(numbers.iter().count(), 0);
    }
}
