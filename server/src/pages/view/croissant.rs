//! The names that a dataset card may use without being asked what they mean: those of Croissant 1.1, and of schema.org's
//! `Dataset`, which Croissant builds on. A name with a prefix, such as `rai:dataBiases`, says itself where it is from.

/// schema.org's `Dataset`, `CreativeWork` and `Thing`, and Croissant's own, one line a vocabulary.
const TERMS: [&str; 4] = [
    "citeAs conformsTo fileObject fileSet isLiveDataset recordSet",
    "distribution includedInDataCatalog issn measurementMethod measurementTechnique variableMeasured",
    "about abstract accessMode accessModeSufficient accessibilityAPI accessibilityControl accessibilityFeature \
     accessibilityHazard accessibilitySummary accountablePerson acquireLicensePage aggregateRating alternativeHeadline \
     archivedAt assesses associatedMedia audience audio author award character citation comment commentCount \
     conditionsOfAccess contentLocation contentRating contentReferenceTime contributor copyrightHolder copyrightNotice \
     copyrightYear correction countryOfOrigin creativeWorkStatus creator creditText dateCreated dateModified datePublished \
     digitalSourceType discussionUrl displayLocation editEIDR editor educationalAlignment educationalLevel educationalUse \
     encoding encodingFormat exampleOfWork expires funder funding genre hasPart headline inLanguage interactionStatistic \
     interactivityType interpretedAsClaim isAccessibleForFree isBasedOn isBasedOnUrl isFamilyFriendly isPartOf keywords \
     learningResourceType license locationCreated mainEntity maintainer material materialExtent mentions offers pattern \
     position producer provider publication publisher publisherImprint publishingPrinciples recordedAt releasedEvent review \
     schemaVersion sdDatePublished sdLicense sdPublisher size sourceOrganization spatial spatialCoverage sponsor teaches \
     temporal temporalCoverage text thumbnail thumbnailUrl timeRequired translationOfWork translator typicalAgeRange \
     usageInfo version video wordCount workExample workTranslation",
    "additionalType alternateName description disambiguatingDescription identifier image mainEntityOfPage name owner \
     potentialAction sameAs subjectOf url",
];

/// Whether a member is one of these.
pub fn is_term(name: &str) -> bool {
    name.starts_with('@') || name.contains(':') || TERMS.iter().any(|terms| terms.split(' ').any(|term| term == name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m3_8_names_of_croissant_are_known_and_others_are_not() {
        for known in
            ["name", "isBasedOn", "recordSet", "rai:dataBiases", "@context", "variableMeasured", "workTranslation"]
        {
            assert!(is_term(known), "{known}");
        }
        for unknown in ["", "textSources", "houseStyle", "Name", "name "] {
            assert!(!is_term(unknown), "{unknown}");
        }
    }
}
