//! The table of rules: each code with its level and its hint. A code never changes its meaning.

use super::Level;

/// A rule of lint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The stable code.
    pub code: &'static str,
    /// How much a finding matters, where the rule does not say otherwise at the place.
    pub level: Level,
    /// What to do.
    pub hint: &'static str,
}

macro_rules! rules {
    ($($(#[$group:meta])* $name:ident = $code:literal, $level:ident, $hint:literal;)*) => {
        $(pub(super) const $name: Rule = Rule { code: $code, level: Level::$level, hint: $hint };)*

        /// Every rule.
        pub const ALL: &[Rule] = &[$($name,)*];
    };
}

rules! {
    // The text of a card.
    NOT_UTF8 = "card_not_utf8", Error, "Save the file as UTF-8.";
    TOO_LARGE = "card_too_large", Error, "A card has at most 16 MiB; move data out of it.";
    BYTE_ORDER_MARK = "card_byte_order_mark", Error, "Save the file without a byte order mark; with it Hugging Face's tools see no metadata.";
    OPENING_DASHES = "card_opening_dashes", Error, "Remove the blanks after the opening `---`; with them Hugging Face's tools see no metadata.";
    CARRIAGE_RETURNS = "card_carriage_returns", Error, "Save the file with LF or CRLF line ends; with CR alone Hugging Face's tools see no metadata.";
    METADATA_MISSING = "card_metadata_missing", Warn, "Begin the file with a block of YAML between two lines of `---`.";
    METADATA_NOT_A_MAPPING = "card_metadata_not_a_mapping", Error, "Write `name: value` lines between the dashes.";
    YAML_SYNTAX = "yaml_syntax", Error, "Mend the line named; a value with `: ` or ` #` in it, or that begins with a special character, needs quotes.";
    YAML_TAB = "yaml_tab", Error, "Indent with spaces.";
    YAML_UNQUOTED = "yaml_unquoted", Error, "Put the value in quotes.";
    YAML_DUPLICATE_KEY = "yaml_duplicate_key", Error, "Remove one of the two; Hugging Face's tools take the last.";
    YAML_KEY = "yaml_key_not_text", Error, "A name is a plain text; quote it if it holds braces or brackets.";
    YAML_TAG = "yaml_tag", Error, "Remove the tag; Hugging Face's tools refuse it.";
    YAML_WORD = "yaml_word", Error, "Quote it: YAML 1.1, which Python tools follow, reads this word as a truth value.";
    YAML_NUMBER = "yaml_number", Warn, "Quote it, or it reaches readers as another text.";
    YAML_DATE = "yaml_date", Warn, "Quote it: Python tools read it as a date, which JSON does not have.";
    YAML_NOTHING = "yaml_nothing", Warn, "Quote it if the text is meant, or remove it.";
    PLACEHOLDER = "card_placeholder", Info, "Write what the template asks for, or remove the line.";

    // Metadata of Hugging Face cards.
    NOT_TEXT = "member_not_text", Error, "Write one text.";
    NOT_TEXTS = "member_not_texts", Error, "Write one text or a list of texts.";
    LICENSE_MISSING = "license_missing", Warn, "Name the licence; `unknown` is a value too.";
    LICENSE_UNKNOWN = "license_unknown", Info, "Say more if more is known: others cannot use what has no known licence.";
    LICENSE_CASE = "license_case", Error, "Write the id as the list has it; the Hub refuses other spellings.";
    LICENSE_NOT_LISTED = "license_not_listed", Error, "Choose an id of https://huggingface.co/docs/hub/repositories-licenses, or `other` with license_name and license_link.";
    LICENSE_NAME_MISSING = "license_name_missing", Warn, "Add license_name: `other` alone names no licence.";
    LICENSE_LINK_MISSING = "license_link_missing", Warn, "Add license_link: the text, or `LICENSE` for a file beside the card.";
    LICENSE_AMBIGUOUS = "license_ambiguous", Info, "Say in the prose which version, and whether \"only\" or \"or later\" holds.";
    LANGUAGE_CODE = "language_code", Warn, "Write an ISO 639 code such as `en`, a tag such as `pt-BR`, or `multilingual`.";
    METADATA_ADVISED = "metadata_advised", Info, "Add it: readers search and filter by it.";
    MODEL_NAME_MISSING = "model_name_missing", Error, "Give the entry of model-index a name: evaluation results belong to a named model.";
    RESULTS_INVALID = "results_invalid", Error, "See https://github.com/huggingface/hub-docs/blob/main/modelcard.md; invalid results are dropped.";
    SOURCE_URL_MISSING = "source_url_missing", Error, "Add `url`: a source that is named needs an address.";

    // Model cards as records.
    CARD_MISSING = "card_missing", Warn, "Name the card's file with its digest, as `colophon card import` does.";
    LIMITATIONS_MISSING = "limitations_missing", Info, "Say what the model is not fit for, in `limitation` or `considerations`.";

    // Croissant.
    JSON_SYNTAX = "json_syntax", Error, "Mend the text at the place named.";
    JSON_DUPLICATE = "json_duplicate_key", Error, "Remove one of the two; readers take the last, and some refuse both.";
    NOT_A_DATASET = "croissant_not_a_dataset", Error, "A Croissant file is an object of the type sc:Dataset.";
    CROISSANT_REQUIRED = "croissant_required", Error, "Croissant requires it, although its own validator only warns.";
    DATASET_ADVISED = "dataset_advised", Warn, "Readers need it to know what the dataset is and whose.";
    DATASET_RECOMMENDED = "dataset_recommended", Info, "Croissant recommends it.";
    CROISSANT_VERSION = "croissant_version", Warn, "Write http://mlcommons.org/croissant/1.0 or …/1.1.";
    FILE_REQUIRED = "croissant_file_required", Error, "Croissant requires it of every file.";
    FILE_DIGEST_MISSING = "file_digest_missing", Error, "Add the file's SHA-256: without it nobody can tell whether theirs is the same.";
    FILE_DIGEST_INVALID = "file_digest_invalid", Error, "Write 64 hexadecimal digits.";
    DATE_FORM = "date_form", Warn, "Write a date as 2026-03-01, or with a time as 2026-03-01T12:00:00Z.";
    LICENSE_UNRECOGNISED = "license_unrecognised", Info, "Name an SPDX licence or its address if it is one; else this text stands for itself.";

    // Other kinds.
    SOURCE_ADDRESS_MISSING = "source_address_missing", Warn, "Add dataset.uri, or the record of the dataset's card: a name alone finds nothing.";
    SOURCE_DIGEST_UNKNOWN = "source_digest_unknown", Info, "If the bytes are at hand, add their digest.";
    SOURCE_CATEGORY_MISSING = "source_category_missing", Info, "Add the category of the EU's public summary: publicDataset, privateLicensed, privateOther, crawled, userData, synthetic, other.";
    SOURCE_MANIFEST_MISSING = "source_manifest_missing", Info, "With a manifest contributors can ask whether their content was used; without one the answer is that nobody can say.";
    SOURCE_PERIOD = "source_period", Warn, "Put startedAt before endedAt.";
    SPDX_INVALID = "spdx_invalid", Error, "Write an SPDX expression, or noAssertion.";
    LICENSE_CONCLUSION_DIFFERS = "license_conclusion_differs", Warn, "Say in `basis` why the conclusion differs from what is declared.";
    LICENSE_BASIS_MISSING = "license_basis_missing", Info, "Say where the claim was found, in `basis` or `evidence`.";
    ATTRIBUTION_MISSING = "attribution_missing", Info, "The licence asks for attribution: say whom to name, in `attribution`.";
    AUDIT_SCOPE_MISSING = "audit_scope_missing", Warn, "Say it: a verdict without it cannot be weighed.";
    AUDIT_REASON_MISSING = "audit_reason_missing", Warn, "Say why, in counterClaims or in conformance.rationale.";
    AUDIT_POLICIES_EMPTY = "audit_policies_empty", Info, "Name the policies that were applied.";
    AUDIT_EVIDENCE_MISSING = "audit_evidence_missing", Info, "Name reports or data, with digests, in `evidence`.";
    SCORE_FORM = "score_form", Warn, "Write a decimal from \"0\" to \"1\" as a text.";
    MANIFEST_PARTIAL = "manifest_not_complete", Info, "What is not found in such a keyspace is answered `unknown`, never `absent`.";
    MANIFEST_FORM_MISSING = "manifest_form_missing", Warn, "Say which text was keyed: wikitext, plain or html.";
    MANIFEST_EMPTY = "manifest_empty", Warn, "A keyspace without keys answers every question with absence.";
    MANIFEST_CARD_MISSING = "manifest_card_missing", Info, "Name the dataset's card in dataset.record, so that readers see its licence.";
    CONTACT_MISSING = "contact_missing", Info, "Add an address of the organisation, not of a person.";
    IDENTIFIER_MISSING = "identifier_missing", Info, "Add an identifier that another registry gave, so that the name can be held against something.";
    SINGLE_KEY = "single_key", Info, "With one key a loss locks the party out until the council acts; register a second and keep it offline.";
    COMPROMISE_FROM_MISSING = "compromise_from_missing", Warn, "Say from which index on the key is in doubt; without it every signature before stays good.";
    REASON_UNSPECIFIED = "reason_unspecified", Info, "Give a reason: readers treat a lost key and a stolen one differently.";
    COUNCIL_EMPTY = "council_empty", Warn, "Name a council: without one nobody can help an operator who lost a key.";
    COUNCIL_OF_ONE = "council_of_one", Info, "A threshold of one lets any single key of the council decide.";
    NO_WITNESSES = "no_witnesses", Warn, "Name witnesses: without them readers rely on the operator alone.";

    // Agreements, preferences, the public's voice, reports.
    ADDRESSEES_MISSING = "addressees_missing", Info, "Name the parties that should answer: the clock of answers runs for those named.";
    CONTROL_EVIDENCE_MISSING = "control_evidence_missing", Info, "Publish a text where the content is, and name it in `evidence`, so that a steward or an auditor can vouch for it.";
    CATEGORY_UNKNOWN = "category_unknown", Info, "It is kept and counts for nothing; the vocabulary has train-ai and search.";
    RESPONSE_REASON_MISSING = "response_reason_missing", Warn, "Say why.";
    EFFECTIVE_VERSION_MISSING = "effective_version_missing", Info, "Say from which version on, so that others can hold it against that version's manifest.";
    RATIFICATION_NEEDS = "ratification_needs", Warn, "Add it: without it the agreement cannot be ratified.";
    PURPOSES_MISSING = "purposes_missing", Warn, "Name the purposes, or no use can be seen to be outside of them.";
    END_MISSING = "end_missing", Warn, "Add validUntil: an agreement without an end is not bound in time.";
    AGREEMENT_ADVISED = "agreement_advised", Info, "Say it: those concerned will ask.";
    COMMENT_PERIOD_SHORT = "comment_period_short", Warn, "Plan at least 14 days; ratification before that is refused.";
    DECISION_MISSING = "decision_missing", Info, "Add the SHA-256 of the decision's text.";
    NONCE_MISSING = "nonce_missing", Info, "Add a nonce: else whoever guesses the words can confirm them after the body was erased.";
    REMEDY_MISSING = "remedy_missing", Info, "Say what would mend it.";
    RESOLUTION_REASON_MISSING = "resolution_reason_missing", Warn, "Say why, in `reason` or `evidence`.";
    REPLACEMENT_MISSING = "replacement_missing", Info, "Name the record that says it right, once there is one.";
    RETRACTION_UNSPECIFIED = "retraction_unspecified", Info, "Give a reason: readers treat an error and a mistaken submission differently.";
    INCIDENT_SUMMARY_MISSING = "incident_summary_missing", Warn, "Say what happened.";
    INCIDENT_ORDER = "incident_order", Warn, "Put detected before resolved.";
    REPORT_AGREEMENT_MISSING = "report_agreement_missing", Info, "Name the agreement under which it is reported.";
    BASED_ON_NO_RECORD = "based_on_no_record", Warn, "Name the dataset's card or the training source as `record:<id>`.";
    CREDIT_ADDRESS_MISSING = "credit_address_missing", Info, "Say where the credit can be seen.";

    // Every kind.
    VALIDITY_ENDS_BEFORE = "validity_ends_before", Warn, "Put validUntil after validFrom.";
    EVIDENCE_WITHOUT_DIGEST = "evidence_without_digest", Info, "Add the digest: what stands at an address changes.";
    ABRIDGED = "abridged", Info, "The document whose digest the record carries has it all; keep it where others can get it.";
    UNMAPPED = "unmapped", Warn, "Rename it, or mend its form, if readers are to find it.";
    KIND_UNKNOWN = "kind_unknown", Info, "Check the spelling; a record of an unknown kind is kept and shown as it is.";
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_rule_has_its_own_code_and_a_sentence() {
        let codes: HashSet<&str> = ALL.iter().map(|rule| rule.code).collect();
        assert_eq!(codes.len(), ALL.len());
        for rule in ALL {
            assert!(rule.hint.ends_with('.'), "{}", rule.code);
            assert!(
                rule.code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{}",
                rule.code
            );
        }
    }
}
