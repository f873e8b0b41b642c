//! Reading records: one, its bundle, its receipt, and lists of them.
//!
//! What is said about a record here is in its entry or its body, or follows from the entries after it; the entry's bytes are
//! beside it, so that nobody has to believe the rest.

mod became;
mod list;
mod one;
mod proof;
mod summary;

use std::sync::Arc;

use ledger::ids::{LeafIndex, RecordId, decimal};
use ledger::log::{EntryView, Published};
use warp::Filter;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use self::list::list;
use self::one::record;
use self::proof::{bundle, receipt};
use crate::app::App;
use crate::metrics::Resource;
use crate::problem::Problem;
use crate::route::{answering, query, reads, with};

/// `GET /api/v1/records…`.
pub(crate) fn routes(app: &Arc<App>) -> BoxedFilter<(Response,)> {
    let headers = warp::header::headers_cloned;
    let list = warp::path!("api" / "v1" / "records").and(reads()).and(query()).and(with(app)).map(list);
    let record = warp::path!("api" / "v1" / "records" / String).and(reads()).and(headers()).and(with(app)).map(record);
    let bundle = warp::path!("api" / "v1" / "records" / String / "bundle")
        .and(reads())
        .and(headers())
        .and(with(app))
        .map(bundle);
    let receipt = warp::path!("api" / "v1" / "records" / String / "receipt")
        .and(reads())
        .and(headers())
        .and(with(app))
        .map(receipt);
    answering(record, Resource("record"))
        .or(answering(bundle, Resource("bundle")))
        .unify()
        .or(answering(receipt, Resource("receipt")))
        .unify()
        .or(answering(list, Resource("records")))
        .unify()
        .boxed()
}

/// The entry of an index, or the first one of a record id.
fn find(app: &App, view: &Published, name: &str) -> Result<EntryView, Problem> {
    let beyond = || Problem::not_found(format!("the published log has {} entries", view.size));
    if let Ok(index) = decimal(name) {
        return app.log.entry(view, LeafIndex(index))?.ok_or_else(beyond);
    }
    let Ok(record) = name.parse::<RecordId>() else {
        return Err(Problem::not_found("this is neither an index nor a record id of 64 lower-case hexadecimal digits"));
    };
    app.log.find_record(view, record)?.ok_or_else(|| Problem::not_found("no published entry has this record id"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use ledger::testing as cast;

    use crate::testing::TestServer;

    #[test]
    fn what_no_entry_has_as_its_name_is_not_found() {
        let server = TestServer::start();
        let body = cast::model_card("lab", 1);
        server.sequence(body.clone());
        let id = cast::record_id(&body).to_hex();
        for nobody in ["4", "03", "-1", "18446744073709551616", "x", &"0".repeat(64), &id.to_uppercase()] {
            for suffix in ["", "/bundle", "/receipt"] {
                let path = format!("/api/v1/records/{nobody}{suffix}");
                assert_eq!(server.get(&path).problem(), "not_found", "{path}");
            }
        }
    }
}
