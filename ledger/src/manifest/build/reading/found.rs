//! What was found in a source: numbers that add up in any order, and the two tables that rows point into.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::error::{Code, Error, Result};
use crate::manifest::builder::Space;
use crate::manifest::header::MAX_LICENSE;
use crate::manifest::kind::Spec;

/// What was found in a source, in numbers that add up in any order, and two tables.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::manifest::build) struct Found {
    /// The specs of the keyspaces, each at the place that is its [`Space`].
    pub(in crate::manifest::build) specs: Vec<String>,
    /// How many keys each of them got.
    pub(in crate::manifest::build) pushed: Vec<u64>,
    /// Licenses, each at the place that rows name.
    pub(in crate::manifest::build) licenses: Vec<String>,
    /// Items that were keyed.
    pub(in crate::manifest::build) items: u64,
    /// Items whose text was not read: it is too large, or cannot be decoded.
    pub(in crate::manifest::build) unread: u64,
    /// Those among them of whose bytes no digest was made either.
    #[serde(default)]
    pub(in crate::manifest::build) undigested: u64,
    pub(in crate::manifest::build) dropped: BTreeMap<String, u64>,
    pub(in crate::manifest::build) without: BTreeMap<String, u64>,
    pub(in crate::manifest::build) unassigned: u64,
}

/// The tables that rows point into. They only grow; in which order is of no importance.
pub(super) struct Tables {
    specs: Vec<Spec>,
    licenses: Vec<String>,
    places: HashMap<String, u16>,
}

impl Tables {
    pub(super) fn of(found: &Found) -> Result<Self> {
        let specs = found.specs.iter().map(|spec| spec.parse()).collect::<Result<_>>()?;
        let places = found.licenses.iter().cloned().zip(0..).collect();
        Ok(Self { specs, licenses: found.licenses.clone(), places })
    }

    pub(super) fn copy_to(&self, found: &mut Found) {
        found.specs = self.specs.iter().map(Spec::to_string).collect();
        found.pushed.resize(self.specs.len(), 0);
        found.licenses.clone_from(&self.licenses);
    }

    pub(super) fn space(&mut self, spec: Spec) -> Result<Space> {
        let place = self.specs.iter().position(|known| *known == spec).unwrap_or(self.specs.len());
        let number = u8::try_from(place).map_err(|_| Error::new(Code::Internal, "more than 256 keyspaces"))?;
        if place == self.specs.len() {
            self.specs.push(spec);
        }
        Ok(Space(number))
    }

    pub(super) fn license(&mut self, stated: &str) -> Result<u16> {
        if let Some(place) = self.places.get(stated) {
            return Ok(*place);
        }
        if stated.len() > MAX_LICENSE {
            return Err(Error::new(Code::NameTooLong, format!("a license has {} bytes", stated.len())));
        }
        let place = u16::try_from(self.licenses.len()).ok().filter(|place| *place < u16::MAX);
        let place =
            place.ok_or_else(|| Error::new(Code::TooMany, "the items have more than 65,535 different licenses"))?;
        self.licenses.push(stated.to_owned());
        self.places.insert(stated.to_owned(), place);
        Ok(place)
    }
}

impl Found {
    /// Adds what a thread counted; it leaves the tables to [`Tables`].
    pub(super) fn add(&mut self, other: Self) {
        let Self { specs: _, pushed, licenses: _, items, unread, undigested, dropped, without, unassigned } = other;
        if self.pushed.len() < pushed.len() {
            self.pushed.resize(pushed.len(), 0);
        }
        self.pushed.iter_mut().zip(pushed).for_each(|(sum, more)| *sum += more);
        self.items += items;
        self.unread += unread;
        self.undigested += undigested;
        dropped.into_iter().for_each(|(why, n)| *self.dropped.entry(why).or_default() += n);
        without.into_iter().for_each(|(why, n)| *self.without.entry(why).or_default() += n);
        self.unassigned += unassigned;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn tables_go_on_where_an_earlier_process_left_them() {
        let mut found = Found { licenses: vec!["CC0-1.0".to_owned()], ..Found::default() };
        let mut tables = Tables::of(&found).unwrap();
        assert_eq!(tables.license("CC0-1.0").unwrap(), 0);
        assert_eq!(tables.license("MIT").unwrap(), 1);
        let spec: Spec = "raw-sha256".parse().unwrap();
        assert_eq!(tables.space(spec).unwrap().0, 0);
        tables.copy_to(&mut found);
        assert_eq!((found.specs.len(), found.pushed.len(), found.licenses.len()), (1, 1, 2));
        let mut tables = Tables::of(&found).unwrap();
        assert_eq!((tables.license("MIT").unwrap(), tables.space(spec).unwrap().0), (1, 0));
        let long = "x".repeat(MAX_LICENSE + 1);
        assert_eq!(tables.license(&long).unwrap_err().code(), Code::NameTooLong);
    }

    #[test]
    fn counts_add_up_whichever_thread_made_them() {
        let one = || Found { items: 2, pushed: vec![1], dropped: [("empty".to_owned(), 3)].into(), ..Found::default() };
        let two =
            || Found { unread: 1, pushed: vec![0, 5], dropped: [("empty".to_owned(), 1)].into(), ..Found::default() };
        let sum = |parts: [Found; 2]| {
            let mut sum = Found::default();
            parts.into_iter().for_each(|part| sum.add(part));
            sum
        };
        let found = sum([one(), two()]);
        assert_eq!(found, sum([two(), one()]));
        assert_eq!((found.items, found.unread, &found.pushed[..], found.dropped["empty"]), (2, 1, &[1, 5][..], 4));
    }
}
