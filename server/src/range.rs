//! `Range: bytes=…` (RFC 9110, section 14): one range of a file that never changes.

use hyper::header::{self, HeaderMap, HeaderValue};
use ledger::Code;

use crate::problem::Problem;

/// The bytes from `from` up to, and not with, `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// The part of a file of this length that is asked for. `None` for all of it, also where the header asks for several
/// parts or is of a form unknown here: a server may ignore it.
///
/// # Errors
/// `range_refused` (416, with the length) if no byte of the file is in the range.
pub(crate) fn range(headers: &HeaderMap, length: u64) -> Result<Option<Range>, Problem> {
    let text = headers.get(header::RANGE).and_then(|value| value.to_str().ok());
    let Some((first, last)) = text.and_then(|text| text.strip_prefix("bytes=")?.split_once('-')) else {
        return Ok(None);
    };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok())?;
    let range = match (number(first), number(last)) {
        (Some(from), Some(last)) if from <= last => Range { from, to: last.saturating_add(1).min(length) },
        (Some(from), None) if last.is_empty() => Range { from, to: length },
        (None, Some(count)) if first.is_empty() => Range { from: length.saturating_sub(count), to: length },
        _ => return Ok(None),
    };
    if range.from < range.to {
        return Ok(Some(range));
    }
    let problem = Problem::new(Code::RangeRefused, format!("the file has {length} bytes"));
    Err(match HeaderValue::from_str(&format!("bytes */{length}")) {
        Ok(whole) => problem.header(header::CONTENT_RANGE, whole),
        Err(_) => problem,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn asked(text: &str) -> Result<Option<(u64, u64)>, Code> {
        let headers = HeaderMap::from_iter([(header::RANGE, text.parse().unwrap())]);
        range(&headers, 100).map(|part| part.map(|part| (part.from, part.to))).map_err(|problem| problem.code())
    }

    #[test]
    fn a_range_is_cut_to_the_file() {
        assert_eq!(asked("bytes=0-0"), Ok(Some((0, 1))));
        assert_eq!(asked("bytes=10-19"), Ok(Some((10, 20))));
        assert_eq!(asked("bytes=90-"), Ok(Some((90, 100))));
        assert_eq!(asked("bytes=90-18446744073709551615"), Ok(Some((90, 100))));
        assert_eq!(asked("bytes=-10"), Ok(Some((90, 100))));
        assert_eq!(asked("bytes=-1000"), Ok(Some((0, 100))));
    }

    #[test]
    fn what_is_not_one_range_is_the_whole_file_and_what_is_beyond_it_is_refused() {
        for ignored in
            ["", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,4-5", "items=0-1", "bytes=+1-2"]
        {
            assert_eq!(asked(ignored), Ok(None), "{ignored}");
        }
        for refused in ["bytes=100-", "bytes=100-200", "bytes=-0"] {
            assert_eq!(asked(refused), Err(Code::RangeRefused), "{refused}");
        }
    }
}
