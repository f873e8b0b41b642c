//! A verification as one page to print or to file away: text, or HTML that needs nothing but itself.

use ledger::ids::to_hex;
use ledger::verify::Status;
use sha2::{Digest as _, Sha256};

use super::{MEANING, Screen, about, says};
use crate::output::{Mark, shown};

impl Screen<'_> {
    /// Everything, as pairs under headings: what both forms of the page are made of.
    fn sections(&self) -> Vec<(&'static str, Vec<(String, String)>)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut inputs =
            vec![pair("bundle", &self.inputs.bundle), pair("sha256 of the bundle", &self.inputs.bundle_sha256)];
        for (name, sha256, bytes, files) in &self.inputs.artifacts {
            let what = match files {
                0 => format!("sha256 {sha256}, {bytes} bytes"),
                files => format!("root {sha256} over {files} files, {bytes} bytes"),
            };
            inputs.push((format!("artifact {name}"), what));
        }
        inputs.push(pair("policy from", &self.inputs.policy_from));
        inputs.push(pair("sha256 of the policy", &to_hex(&Sha256::digest(self.inputs.policy.as_bytes()))));
        inputs.push(pair("pinned entry 0", self.inputs.genesis.as_deref().unwrap_or("none")));
        let checks = self.lines().into_iter();
        let checks = checks.map(|(status, link, detail)| (link.to_owned(), format!("{}: {detail}", word(status))));
        let mut sections = vec![("Checks", checks.collect())];
        if !self.differences.is_empty() {
            let rows = self.differences.iter().map(|difference| (String::new(), shown(difference)));
            sections.push(("Files that differ", rows.collect()));
        }
        if !self.report.warnings.is_empty() {
            let warnings = self.report.warnings.iter();
            let warnings = warnings.map(|w| (w.code.to_string(), format!("{} {}", w.code.title(), shown(&w.detail))));
            sections.push(("Warnings", warnings.collect()));
        }
        if let Some(verified) = &self.report.verified {
            let mut rows: Vec<(String, String)> =
                about(verified, usize::MAX).into_iter().map(|(name, value)| (name.to_owned(), shown(&value))).collect();
            rows.push(pair("record id", &verified.record().id.to_hex()));
            rows.push(pair("body sha256", &verified.record().body.to_hex()));
            rows.push(pair("leaf hash", &to_hex(verified.leaf().as_bytes())));
            let checkpoint = verified.checkpoint().checkpoint();
            rows.push(pair("tree", &format!("{} entries, root {}", checkpoint.size(), checkpoint.root())));
            sections.push(("Record", rows));
            let said = says(verified).into_iter().map(|(name, value)| (shown(&name), shown(&value)));
            sections.push(("What it says, as it was signed", said.collect()));
        }
        sections.push(("Inputs", inputs));
        sections.push((
            "Made by",
            vec![
                pair("program", concat!("colophon ", env!("CARGO_PKG_VERSION"))),
                pair("at", self.now.as_str()),
                pair("strict", if self.strict { "yes" } else { "no" }),
                pair("exit code", &self.exit().to_string()),
            ],
        ));
        sections
    }

    /// The page as text.
    pub(crate) fn to_text(&self) -> String {
        let (_, verdict) = self.verdict();
        let mut text = format!("Verification report\n\n{verdict}\n{}\n", self.headline());
        if let Some(hint) = self.hint() {
            text.push_str(&format!("hint: {hint}\n"));
        }
        for (heading, rows) in self.sections() {
            text.push_str(&format!("\n{heading}\n"));
            for (name, value) in rows {
                text.push_str(&format!("  {name:<22} {value}\n"));
            }
        }
        text.push_str(&format!("\nPolicy\n{}\n{MEANING}\n", indented(&self.inputs.policy)));
        text
    }

    /// The page as HTML: one file that needs nothing else, and prints on paper.
    pub(crate) fn to_html(&self) -> String {
        let (mark, verdict) = self.verdict();
        let class = match mark {
            Mark::Good => "good",
            Mark::Bad => "bad",
            Mark::Warning | Mark::Open => "warning",
        };
        let mut body = format!(
            "<h1>Verification report</h1>\n<p class=\"verdict {class}\"><strong>{}</strong><br>{}</p>\n",
            escaped(verdict),
            escaped(&self.headline())
        );
        if let Some(hint) = self.hint() {
            body.push_str(&format!("<p>Hint: {}</p>\n", escaped(&hint)));
        }
        for (heading, rows) in self.sections() {
            body.push_str(&format!("<h2>{}</h2>\n<table>\n", escaped(heading)));
            for (name, value) in rows {
                let (name, value) = (escaped(&name), escaped(&value));
                body.push_str(&format!("<tr><th scope=\"row\">{name}</th><td><bdi>{value}</bdi></td></tr>\n"));
            }
            body.push_str("</table>\n");
        }
        body.push_str(&format!("<h2>Policy</h2>\n<pre>{}</pre>\n", escaped(&self.inputs.policy)));
        body.push_str(&format!("<p>{MEANING}</p>\n"));
        format!("{HTML_HEAD}{body}</main>\n</body>\n</html>\n")
    }
}

const HTML_HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<title>Verification report</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;margin:0;color:#111;background:#fff}
main{max-width:56rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.3rem .5rem;border-bottom:1px solid #ccc;overflow-wrap:anywhere}
th{width:14rem;font-weight:600}
.verdict{border-left:.5rem solid;padding:.5rem 1rem}
.good{border-color:#0b57d0}.bad{border-color:#b3261e}.warning{border-color:#a05a00}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f4f4;padding:.5rem}
@media print{main{margin:0;max-width:none}}
</style>
</head>
<body>
<main>
";

const fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "holds",
        Status::Failed => "DOES NOT HOLD",
        Status::NotChecked => "open",
        Status::NotGiven => "nothing to check",
    }
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn b20_what_others_wrote_is_text_on_the_page() {
        assert_eq!(escaped("<script>&\"'"), "&lt;script&gt;&amp;&quot;&#39;");
    }
}
