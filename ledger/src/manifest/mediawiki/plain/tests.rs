//! The vectors of `docs/FORMAT-manifest.md`, and a paragraph of each sort as a browser would copy it.
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// (wikitext, text), by rule. The wikitext is ours.
const VECTORS: &[(&str, &str)] = &[
    // Links.
    ("See [[Tea]].", "See Tea."),
    ("See [[tea|a drink]]s and [[cup]]s.", "See a drinks and cups."),
    ("[[Tea#History]] [[#History|above]] [[:Category:Tea]]", "Tea#History above Category:Tea"),
    ("[[Mercury (planet)|]] [[Talk:Tea|]] [[Paris, Texas|]]", "Mercury Tea Paris"),
    ("a[[File:A.png|thumb|A [[cup]] of [[tea|chai]]]]b", "ab"),
    ("a[[Image:A.png]]b[[Datei:B.png|50px]]c[[Category:Tea| ]]d[[de:Tee]]e", "abcde"),
    ("[[wikt:tea]] [[wikt:tea|the word]]", "wikt:tea the word"),
    ("[[unclosed and [[Tea]]", "[[unclosed and Tea"),
    (
        "[https://example.org/ a site] [https://example.org/] https://example.org/ [sic]",
        "a site  https://example.org/ [sic]",
    ),
    // Quotes.
    ("'''Tea''' is ''hot'' and '''''good'''''.", "Tea is hot and good."),
    ("L'''or'' noir", "L'or noir"),
    ("the dogs' ''bone'' isn't", "the dogs' bone isn't"),
    ("''''four''''", "'four'"),
    ("'''''''seven'''''", "''seven"),
    // Templates.
    ("Tea{{cn|date={{date}}}} is {{nowrap|very hot}}.", "Tea is very hot."),
    ("{{Infobox tea\n| name = Tea\n| image = [[File:A.png|x]]\n}}\n'''Tea'''", "Tea"),
    ("{{lang|fr|thé}} {{lang|1=de|2=Tee}} {{transl|ja|HEP|cha}}", "thé Tee cha"),
    ("1939{{ndash}}1945, {{circa|1500}}, {{c.|1500|1600}}", "1939–1945, c. 1500,"),
    ("{{{1|default}}} {{#if:x|y}} {{unclosed", "{{unclosed"),
    ("{{quote|To be or\nnot to be.|A poet}}", "To be or not to be."),
    ("{{nowrap|[[a|b]] c}}{{nowrap|{{nowrap|d}}}}", "b cd"),
    // Comments and tags.
    ("a<!-- x -->b<!-- [[c]] {{d}} -->", "ab"),
    ("a\n<!-- alone -->\nb", "a b"),
    ("a<ref>x [[y]]</ref>b<ref name=\"c\" />d<ref name=e>{{cite}}</ref>.", "abd."),
    ("<nowiki>''[[not]] {{markup}}''</nowiki> &lt;b&gt;", "''[[not]] {{markup}}'' <b>"),
    ("a\n<math>x</math>\nb<ref>c</ref>\n\nd", "a  b\nd"),
    ("a<br>b<br/>c<br />d", "a\nb\nc\nd"),
    ("<span style=\"a>b\">x</span><sub>2</sub> 1 < 2 <unknown>", "x2 1 < 2 <unknown>"),
    ("a<div>b</div>c", "a\nb\nc"),
    ("<math>x^2</math>a<gallery>\nA.png|b\n</gallery>", "a"),
    ("<includeonly>a</includeonly><noinclude>b</noinclude>", "b"),
    ("<pre>\n* not ''a'' list\n  [[kept]]\n</pre>", "* not ''a'' list\n[[kept]]"),
    ("<poem>\nroses are red\n:violets\n</poem>", "roses are red\nviolets"),
    // Blocks.
    ("one\ntwo\n\nthree", "one two\nthree"),
    ("== Heading ==\ntext\n=== ''Deeper'' ===  \nmore", "Heading\ntext\nDeeper\nmore"),
    ("* a\n** b\n# c\n:: d\n; term : meaning\n;only term", "a\nb\nc\nd\nterm\nmeaning\nonly term"),
    ("text\n* item\nafter", "text\nitem\nafter"),
    ("a\n----\nb", "a\nb"),
    (" preformatted\n  twice\nafter", "preformatted\ntwice\nafter"),
    ("a\n{| class=x\n|-\n| cell || {| \n| inner\n|}\n|}\nb", "a\nb"),
    ("a\n{|\n| never closed\n== Heading ==\nb", "a\nHeading\nb"),
    ("a<table><tr><td>b<table></table></td></tr></table>c", "a\nc"),
    ("__NOTOC__a __b__", "a __b__"),
    // Entities.
    ("&Psi;&omega;&rsquo;&hellip;&apos;&NotEqualTilde;", "Ψω’…'\u{2242}\u{338}"),
    ("a&nbsp;&ndash;&#32;b &eacute;&#233;&#xE9; &unknown; AT&T &amp;lt;", "a\u{a0}– b ééé &unknown; AT&T &lt;"),
    ("#REDIRECT [[Tea]]", "REDIRECT Tea"),
    ("", ""),
];

#[test]
fn vectors() {
    for (source, expected) in VECTORS {
        assert_eq!(plain(source, &Namespaces::common()), *expected, "{source:?}");
    }
}

#[test]
fn a_paragraph_as_a_browser_copies_it() {
    let source = "\
{{Use dmy dates|date=May 2026}}
{{Infobox river
| name   = Lorn
| length = {{convert|214|km|mi}}
}}
[[File:Lorn at dusk.jpg|thumb|right|The '''Lorn''' near [[Hale (town)|Hale]]<ref>Own work.</ref>]]
The '''Lorn''' (local: ''An Lòrn'') is a [[river]] in the north of the [[Arden|Arden country]].<ref name=\"a\">{{cite book
| title = Rivers | page = 12 }}</ref> It rises near [[Hale (town)|Hale]], passes under 14&nbsp;[[bridge]]s<!-- count
them again --> and reaches the [[sea]] after &mdash; by the old count &mdash; 133 miles.<ref name=\"a\" /><ref>Map.</ref>

== Name ==
In ''[[Annals of Arden]]'' the river is called {{lang|la|Lornus}}; locals say &quot;the Lorn&quot;.";
    let copied = [
        "The Lorn (local: An Lòrn) is a river in the north of the Arden country. It rises near Hale, passes under \
         14 bridges and reaches the sea after — by the old count — 133 miles.",
        "Name",
        "In Annals of Arden the river is called Lornus; locals say \"the Lorn\".",
    ];
    let text = plain(source, &Namespaces::common());
    let n1 = |text: &str| crate::manifest::N1::of(text).as_str().to_owned();
    let lines: Vec<String> = text.lines().map(n1).collect();
    assert_eq!(lines, copied.map(n1));
}

/// Deeply nested and never closed markup costs time in proportion to its length.
#[test]
fn hostile_nesting_is_read_in_linear_time() {
    #[rustfmt::skip]
    const PIECES: &[&str] = &[
        "{{", "[[", "[[ ", "{{ ", "{{nowrap|a", "{{{", "<ref>", "<ref ", "<poem>", " <!-- -->", "<!--", "{|\n", "''", "[[a|",
        "{{a|", "<div>", "&", "</", "[http://", "<b a='", "__A", "; a:", "\n=", "<table>",
    ];
    for piece in PIECES {
        let text = piece.repeat(5_000);
        plain(&text, &Namespaces::common());
        let closed = format!("{text}{}", "}}]]".repeat(5_000));
        plain(&closed, &Namespaces::common());
    }
}

proptest! {
    #[test]
    fn no_source_panics(pieces in prop::collection::vec(prop_oneof![
        prop::sample::select(vec!["[[", "]]", "{{", "}}", "{{{", "|", "<ref>", "</ref>", "<!--", "-->", "''", "'''", "\n", "=",
            "* ", "; ", ":", " ", "{|", "|}", "<br>", "<table>", "</table>", "<nowiki>", "</nowiki>", "&amp;", "&#", ";", "__X__",
            "[http://x ", "]", "<pre>", "</pre>", "File:", "é", "\u{1}", "\u{2}", "\r\n", "----"]).prop_map(str::to_owned),
        "[a-z]{0,4}",
    ], 0..40)) {
        let text = plain(&pieces.concat(), &Namespaces::common());
        let clean = !text.contains(['\u{1}', '\u{2}', '\u{3}', '\r']);
        prop_assert!(clean);
        prop_assert!(text.lines().all(|line| !line.trim().is_empty()));
    }
}
