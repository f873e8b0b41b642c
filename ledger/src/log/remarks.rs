//! What only the log can say of a submission: that the records or parties that it speaks of are not there, or not its
//! issuer's. Warnings like those of [`lint`](crate::record::lint), which never block: such a record is taken in and changes
//! nothing, which whoever mistyped an id should hear.

use super::Shared;
use super::door::Validated;
use crate::error::{Code, Result};
use crate::record::kinds::Predicate;
use crate::record::lint::{Finding, Level};
use crate::state::State;

/// The warnings about a submission. A look-up in the index for each record that it is said of.
///
/// # Errors
/// `store_corrupt` if the index or an entry cannot be read.
pub(super) fn on(shared: &Shared, state: &State, validated: &Validated) -> Result<Vec<Finding>> {
    let mut found = targets(shared, validated)?;
    if let Predicate::UsagePreference(preference) = &validated.record.predicate {
        let asked = preference.addressees.iter().enumerate();
        let unknown = asked.filter(|(_, party)| state.party(party.as_str()).is_none());
        found.extend(unknown.map(|(at, party)| {
            warning(
                Code::TargetUnknown,
                format!("/predicate/addressees/{at}"),
                format!("no party {party} is registered in this log, so nobody has to answer"),
                "Check the id; `colophon party show ID` looks one up.",
            )
        }));
    }
    Ok(found)
}

fn targets(shared: &Shared, validated: &Validated) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    for (place, target) in validated.record.targets() {
        let issuer = shared.entries_of(&target).next().transpose()?.map(|entry| entry.header.issuer);
        match issuer {
            None => found.push(warning(
                Code::TargetUnknown,
                place,
                format!("the log has no record {target} yet"),
                "Check the id; `colophon record list` shows those of the log.",
            )),
            Some(issuer) if issuer != validated.header.issuer && validated.record.undoes(target) => {
                found.push(warning(
                    Code::IssuerMismatch,
                    place,
                    format!("the record was issued by {issuer}, and only {issuer} can take it back"),
                    "Open a dispute, or a correction that stands beside it.",
                ));
            }
            Some(_) => {}
        }
    }
    Ok(found)
}

fn warning(code: Code, place: String, message: String, hint: &'static str) -> Finding {
    Finding { code: code.as_str(), level: Level::Warn, place, message, hint: hint.into() }
}
