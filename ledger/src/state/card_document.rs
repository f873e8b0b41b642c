//! A card as programs read it: the document that the interface answers with and `colophon card status --json` prints.
//!
//! Numbers are strings, and `moment` writes a time. What only a server can say (links, how much it read, of how many
//! entries its findings are) it adds itself; whoever follows the log gets the rest, member by member the same.

use serde_json::{Value, json};

use super::{CardView, Claim, Item, Quarrel};
use crate::ids::{RecordId, UnixMillis};
use crate::record::kind::Kind;
use crate::record::kinds::{Outcome, Predicate};

impl CardView {
    /// What the newest version calls it: of a model a text, of a dataset whatever its publisher wrote.
    pub fn name(&self) -> Option<Value> {
        match &self.newest()?.record.as_ref()?.predicate {
            Predicate::ModelCard(card) => card.model_name.as_ref().map(|name| json!(name)),
            Predicate::DatasetCard(card) => card.name.clone(),
            _ => None,
        }
    }

    /// Which card it is and what became of it, for programs; `shown` is the record that was asked for.
    pub fn heading(&self, shown: RecordId) -> Value {
        let newest = self.newest();
        json!({
            "record": shown,
            "newest": newest.map(|item| item.header.record),
            "index": newest.map(|item| item.index.to_string()),
            "kind": newest.map(|item| item.header.kind.as_str()),
            "issuer": newest.map(|item| item.header.issuer.as_str()),
            "name": self.name(),
            "redacted": newest.is_some_and(|item| item.record.is_none()),
            "fate": self.fate.to_json(),
        })
    }

    /// The card for programs; `shown` is the record that was asked for. Findings are added by whoever computed them.
    pub fn to_json(&self, shown: RecordId, moment: &dyn Fn(UnixMillis) -> String) -> Value {
        let entry = |item: &Item| item.to_json(moment);
        let list = |items: &mut dyn Iterator<Item = &Item>| items.map(entry).collect::<Vec<Value>>();
        let of_kind = |kind: Kind| list(&mut self.of_kind(&kind));
        let audits = self.audits.iter().map(|audit| {
            let mut json = entry(&audit.item);
            json["verdict"] = json!(audit.verdict);
            json["made"] = json!(moment(audit.made));
            json["valid"] = json!(audit.valid);
            json
        });
        let mut json = self.heading(shown);
        json["versions"] = json!(list(&mut self.versions.iter()));
        json["licenses"] = json!({ "agreement": self.license_agreement(), "parts": self.licenses });
        json["claims"] = json!(self.claims.iter().map(Claim::to_json).collect::<Vec<Value>>());
        json["audits"] = json!(audits.collect::<Vec<Value>>());
        json["disputes"] = json!(self.disputes.iter().map(|quarrel| quarrel.to_json(moment)).collect::<Vec<Value>>());
        json["sources"] = json!(list(&mut self.sources()));
        json["usedBy"] = json!(list(&mut self.used_by.iter()));
        json["manifests"] = json!(list(&mut self.manifests.iter()));
        json["incidents"] = json!(of_kind(Kind::Incident));
        json["corrections"] = json!(of_kind(Kind::Correction));
        json["attributionReports"] = json!(of_kind(Kind::AttributionReport));
        json
    }
}

impl Claim {
    fn to_json(&self) -> Value {
        let mut json = json!(self);
        json["index"] = json!(self.index.to_string());
        json
    }
}

impl Quarrel {
    /// How the dispute was resolved; `None` while it is open, and if it was not resolved but taken back.
    pub fn outcome(&self) -> Option<Outcome> {
        match &self.closed_by.as_ref()?.record.as_ref()?.predicate {
            Predicate::Resolution(resolution) => Some(resolution.outcome),
            _ => None,
        }
    }

    /// The dispute for programs: its entry, and how it ended.
    pub fn to_json(&self, moment: &dyn Fn(UnixMillis) -> String) -> Value {
        let mut json = self.dispute.to_json(moment);
        json["open"] = json!(self.is_open());
        json["closedBy"] = json!(self.closed_by.as_ref().map(|closed| closed.to_json(moment)));
        json["outcome"] = json!(self.outcome());
        json
    }
}
