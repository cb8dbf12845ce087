//! The name of a region or location, compared as people mean it: without regard to case and
//! blanks. `West Europe` and `westeurope` are the same.

use std::fmt;

/// A region, or the location of a gateway that hosts itself.
#[derive(Debug, Clone)]
pub struct Region {
    shown: String,
    normal: String,
}

impl Region {
    /// The region of this name; none if nothing is left of it without blanks, or if `=` or `://` is
    /// in it: then it is a connection string in the wrong place, and must not be shown.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let normal = larder_proto::external::normal(name);
        let is_name = !normal.is_empty() && !normal.contains('=') && !normal.contains("://");
        is_name.then(|| Self { shown: name.trim().to_owned(), normal })
    }

    /// The name in lower case and without blanks.
    #[must_use]
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// Whether this is spelled so much like the other that it may be a mistake: equal without
    /// punctuation, or one letter apart (two in names of more than nine letters).
    #[must_use]
    pub fn is_nearly(&self, other: &Region) -> bool {
        let letters =
            |region: &Region| -> String { region.normal.chars().filter(|c| c.is_alphanumeric()).collect() };
        let (own, their) = (letters(self), letters(other));
        // `eastus` and `eastus2` are two regions, not one and its misspelling.
        let digits = |name: &str| -> String { name.chars().filter(char::is_ascii_digit).collect() };
        let allowed = if own.len().min(their.len()) > 9 { 2 } else { 1 };
        self != other && digits(&own) == digits(&their) && crate::text::distance(&own, &their) <= allowed
    }

    /// Whether this is one of Azure's public regions.
    #[must_use]
    pub fn is_azure(&self) -> bool {
        AZURE_REGIONS.contains(&self.normal.as_str())
    }
}

impl PartialEq for Region {
    fn eq(&self, other: &Self) -> bool {
        self.normal == other.normal
    }
}

impl Eq for Region {}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Azure's regions of general use; a name not among them may still be a gateway's own location.
const AZURE_REGIONS: &[&str] = &[
    "australiacentral",
    "australiacentral2",
    "australiaeast",
    "australiasoutheast",
    "austriaeast",
    "belgiumcentral",
    "brazilsouth",
    "brazilsoutheast",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "chilecentral",
    "chinaeast",
    "chinaeast2",
    "chinaeast3",
    "chinanorth",
    "chinanorth2",
    "chinanorth3",
    "denmarkeast",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "francesouth",
    "germanynorth",
    "germanywestcentral",
    "indonesiacentral",
    "israelcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "jioindiacentral",
    "jioindiawest",
    "koreacentral",
    "koreasouth",
    "malaysiawest",
    "mexicocentral",
    "newzealandnorth",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "norwaywest",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southafricawest",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "swedensouth",
    "switzerlandnorth",
    "switzerlandwest",
    "uaecentral",
    "uaenorth",
    "uksouth",
    "ukwest",
    "usgovarizona",
    "usgovtexas",
    "usgovvirginia",
    "westcentralus",
    "westeurope",
    "westindia",
    "westus",
    "westus2",
    "westus3",
];
