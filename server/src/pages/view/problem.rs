//! What stands where a page cannot: the same code, sentence and hint as everywhere else.

use askama::Template;
use ledger::{Code, Error};

use super::said::{Allowance, Said};
use super::shell::Shell;

/// The page of a problem.
#[derive(Debug, Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    shell: Shell,
    status: u16,
    title: &'static str,
    hint: &'static str,
    code: &'static str,
    place: Option<Said>,
    detail: Said,
    not_found: bool,
}

impl ProblemPage {
    /// The page of an error.
    pub fn new(mut shell: Shell, error: &Error) -> Self {
        let code = error.code();
        let mut allowance = Allowance::default();
        shell.title = code.title().trim_end_matches('.').to_owned();
        Self {
            shell,
            status: code.http_status(),
            title: code.title(),
            hint: code.hint(),
            code: code.as_str(),
            place: error.place().map(|place| allowance.said(place, 200)),
            detail: allowance.said(error.detail(), 600),
            not_found: code == Code::NotFound,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::card::fixture::shell;
    use super::*;

    #[test]
    fn b20_an_error_that_quotes_its_input_quotes_it_as_text() {
        let error = Error::new(Code::BadRequest, "<script>x</script>").at("query <img>");
        let html = ProblemPage::new(shell(), &error).to_string();
        assert!(!html.contains("<script") && !html.contains("<img>") && html.contains("bad_request"), "{html}");
    }

    #[test]
    fn nothing_there_leads_on() {
        let html = ProblemPage::new(shell(), &Error::new(Code::NotFound, "the log has 7 entries")).to_string();
        super::super::gallery::keep("404", &html);
        assert!(html.contains("404") && html.contains("role=\"search\""), "{html}");
    }
}
