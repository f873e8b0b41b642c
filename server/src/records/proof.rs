//! What proves a record: its bundle, and its receipt alone.

use std::sync::Arc;

use hyper::header::{self, HeaderMap, HeaderValue};
use ledger::bundle::{MAX_BUNDLE_LEN, MEDIA_TYPE};
use ledger::log::Published;
use ledger::record::body_digest;

use super::find;
use crate::app::App;
use crate::body::heavy;
use crate::problem::Answer;
use crate::route::{ASK_AGAIN, content, tagged};
use crate::tiles::held_body;

/// The tag names the size as well: a newer bundle may hold a revocation that an older one does not.
pub(super) async fn bundle(name: String, headers: HeaderMap, app: Arc<App>) -> Answer {
    let view = app.view()?;
    let entry = find(&app, &view, &name)?;
    held_body(&app, &view, &entry)?;
    // So may its look-up of the signers' keys, which follows a moment after the root is published.
    let root = app.log.indexed_root().ok().flatten().map_or(0, |root| root.index.0);
    let tag = format!("{}-{}-{root}", entry.body, under(&view));
    let index = entry.index;
    // How long its history is shows when it is made; what it does not need is given back then.
    let reserved = app.replies.reserve(MAX_BUNDLE_LEN).await?;
    let made = heavy({
        let (app, view) = (Arc::clone(&app), Arc::clone(&view));
        move || app.log.bundle(&view, index)?.encode()
    });
    let bundle = made.await??;
    tagged(&tag, &headers, || {
        let mut response = content(MEDIA_TYPE, ASK_AGAIN, reserved.fill(bundle));
        let disposition = format!("attachment; filename=\"record-{index}.colophon.json\"");
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            response.headers_mut().insert(header::CONTENT_DISPOSITION, disposition);
        }
        Ok(response)
    })
}

pub(super) async fn receipt(name: String, headers: HeaderMap, app: Arc<App>) -> Answer {
    let view = app.view()?;
    let entry = find(&app, &view, &name)?;
    tagged(&format!("{}-{}", entry.index, under(&view)), &headers, || {
        let receipt = app.log.receipt(&view, entry.index)?.encode();
        Ok(content("text/plain; charset=utf-8", ASK_AGAIN, receipt))
    })
}

/// The checkpoint that an answer carries, for its tag: one that is cosigned again is another at the same size.
fn under(view: &Published) -> String {
    let mut note = body_digest(&view.note).to_hex();
    note.truncate(16);
    format!("{}-{note}", view.size)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::bundle::Bundle;
    use ledger::testing as cast;

    use super::*;
    use crate::testing::TestServer;

    #[test]
    fn a_bundle_holds_the_record_and_a_receipt_that_a_client_accepts() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        server.sequence(body.clone());
        let reply = server.get("/api/v1/records/3/bundle");
        assert_eq!(reply.header("content-type"), Some(MEDIA_TYPE));
        assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"record-3.colophon.json\""));
        let bundle = Bundle::parse(&reply.body).unwrap();
        assert_eq!(bundle.record.envelope, body);
        assert_eq!(bundle.key_history.len(), 1);
        let receipt = server.get("/api/v1/records/3/receipt");
        assert_eq!(receipt.body, bundle.record.proof.encode());
        cast::policy().check(&bundle.record.proof.checkpoint).unwrap();

        // A newer tree is a newer bundle.
        server.sequence(cast::model_card("lab", 2));
        let tag = reply.header("etag").unwrap();
        assert_eq!(server.request("GET", "/api/v1/records/3/bundle", &[("if-none-match", tag)], b"").status, 200);
    }
}
