//! Apostrophes that mean bold and italic, a line at a time.

/// Removes them. Two mean italic, three bold, five both; of four the first is an apostrophe, of more than five all but the
/// last five. Where both bold and italic are left open at the end of the line, one of the threes was an apostrophe before
/// italic: the first after a word of one letter, else after a longer word, else after a space.
pub(super) fn without_quotes(line: &str) -> String {
    if !line.contains("''") {
        return line.to_owned();
    }
    let mut texts = Vec::new();
    let mut runs: Vec<usize> = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("''") {
        let run = rest[at..].bytes().take_while(|b| *b == b'\'').count();
        let literal = match run {
            4 => 1,
            5 => 0,
            more if more > 5 => more - 5,
            _ => 0,
        };
        texts.push(&rest[..at + literal]);
        runs.push(run - literal);
        rest = &rest[at + run..];
    }
    let bold = runs.iter().filter(|run| matches!(run, 3 | 5)).count();
    let italic = runs.iter().filter(|run| matches!(run, 2 | 5)).count();
    let apostrophe = if bold % 2 == 1 && italic % 2 == 1 { misread_bold(&texts, &runs) } else { None };

    let mut out = String::with_capacity(line.len());
    for (place, text) in texts.iter().enumerate() {
        out.push_str(text);
        if apostrophe == Some(place) {
            out.push('\'');
        }
    }
    out.push_str(rest);
    out
}

fn misread_bold(texts: &[&str], runs: &[usize]) -> Option<usize> {
    let bold = || (0..runs.len()).filter(|place| runs[*place] == 3);
    let last_two = |place: usize| {
        let mut chars = texts[place].chars().rev();
        (chars.next(), chars.next())
    };
    let one_letter = bold().find(|place| matches!(last_two(*place), (Some(last), Some(' ')) if last != ' '));
    let word =
        || bold().find(|place| matches!(last_two(*place), (Some(last), before) if last != ' ' && before != Some(' ')));
    let space = || bold().find(|place| last_two(*place).0 == Some(' '));
    one_letter.or_else(word).or_else(space)
}
