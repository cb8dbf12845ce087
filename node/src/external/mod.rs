//! External caches as gateways are told of them: what an entry is, how it is shown without its secrets, which regions of
//! gateways were seen. Where entries are kept, and who may ask, is left to those that import this.

mod entry;
mod masked;
mod seen;
mod table;

pub use entry::{ConnectionText, Description, Entry, EntryError, UseFrom};
pub use seen::SeenRegions;
pub use table::Table;

pub use larder_proto::external::{DEFAULT, ENTRIES_MAX};
