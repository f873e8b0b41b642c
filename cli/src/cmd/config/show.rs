//! `colophon config show`

use serde_json::{Map, Value, json};

use crate::failure::Result;
use crate::files;
use crate::output::Answer;
use crate::pins::Pins;
use crate::session::Session;

/// Show every setting and where its value came from
///
/// Flags come before environment variables, these before the config file, that before defaults. Each setting of the file
/// has a variable: `log` is COLOPHON_LOG, `issuer-name` is COLOPHON_ISSUER_NAME.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  COLOPHON_LOG=https://log.example.org colophon config show")]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args, session: &Session) -> Result<Answer> {
    let rows = session.config.rows();
    let pins = Pins::of(&session.config).list()?;
    let table = session.out.table(
        ["SETTING", "VALUE", "FROM"],
        rows.iter().map(|(name, value, source)| {
            [(*name).to_owned(), value.clone().unwrap_or_else(|| "–".to_owned()), source.to_string()]
        }),
    );
    let mut text = table;
    text.push('\n');
    if pins.is_empty() {
        text.push_str("\nNo log is pinned; `colophon log trust` pins one.\n");
    } else {
        let rows = pins.iter().map(|pin| {
            [pin.origin.clone(), pin.url.clone().unwrap_or_else(|| "–".to_owned()), pin.path.display().to_string()]
        });
        text.push('\n');
        text.push_str(&session.out.table(["PINNED LOG", "ADDRESS", "FILE"], rows));
    }
    let settings: Map<String, Value> = rows
        .iter()
        .map(|(name, value, source)| ((*name).to_owned(), json!({ "value": value, "from": source.to_string() })))
        .collect();
    let pins: Vec<Value> = pins
        .iter()
        .map(|pin| json!({ "origin": pin.origin, "url": pin.url, "genesis": pin.genesis, "file": files::to_json(&pin.path) }))
        .collect();
    Ok(Answer::new(text, json!({ "settings": settings, "pins": pins })))
}
