//! A model or a dataset as it stands: the card that an address means, everything around it, and what does not fit together.
//!
//! Pages and the interface show the same [`Card`], which is what [`ledger::state::CardView`] computes from the entries;
//! `colophon card status` follows the log, computes it again and believes nothing of this.

use std::sync::Arc;

use ledger::ids::{RecordId, SubjectDigest, TreeSize, UnixMillis};
use ledger::log::Published;
use ledger::record::kind::Kind;
use ledger::state::CardView;
use ledger::state::findings::{self, Finding};

use crate::app::App;
use crate::effective::asking;
use crate::found::{Computed, Patience};
use crate::looking::Looking;
use crate::problem::Problem;

/// Cards of one artefact among which the one to show is looked for, the newest.
const MAX_CARDS: usize = 64;

/// A card, and all that the log has about it.
pub(crate) struct Card {
    /// The record that the address means.
    pub(crate) record: RecordId,
    /// What the log has.
    pub(crate) view: CardView,
    /// What does not fit together about it.
    pub(crate) findings: Vec<Finding>,
    /// Of how many entries the findings about its sources and manifests are; `None` if they are not computed yet.
    pub(crate) findings_of: Option<TreeSize>,
}

impl Card {
    /// The card at `name`, which is the id of a record of this kind or the digest of an artefact that one is about.
    pub(crate) fn find(
        app: &Arc<App>,
        looking: &Looking<'_>,
        view: &Arc<Published>,
        name: SubjectDigest,
        kind: &Kind,
        now: UnixMillis,
    ) -> Result<Option<Self>, Problem> {
        let Some(record) = CardView::named(looking, &view.state, name, kind, MAX_CARDS, now)? else { return Ok(None) };
        let Some(card) = CardView::of(looking, &view.state, record, now)? else { return Ok(None) };
        // What is found about its sources and manifests was computed with everything else.
        let computed = Computed::newest(app, view, Patience::Short);
        let found = computed.as_ref().map(|computed| computed.found.as_slice()).unwrap_or_default();
        let findings =
            asking(&app.log, looking, &view.state, now, |asked| findings::about_card_among(asked, &card, found))?;
        Ok(Some(Self { record, view: card, findings, findings_of: computed.map(|computed| computed.size) }))
    }
}
