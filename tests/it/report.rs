//! Reports.

use std::path::Path;

use harness::report::{self, Format};
use harness::store::Reader;

use crate::support::runs;

/// Writes example reports for people to look at: `HARNESS_EXAMPLES=DIR cargo test --test it examples`.
#[test]
fn examples() {
    let keep = std::env::var_os("HARNESS_EXAMPLES");
    let temp = tempfile::tempdir().unwrap();
    let dir = keep.as_deref().map_or(temp.path(), Path::new);
    let db = temp.path().join("harness.db");
    runs::quickstart(&db);
    runs::messy(&db);
    let reader = Reader::open(&db).unwrap();
    for run in [runs::QUICKSTART, runs::MESSY] {
        let view = report::build(&reader, run).unwrap();
        let paths = report::write(&view, &Format::ALL, dir).unwrap();
        assert_eq!(paths.len(), 4);
        assert!(paths.iter().all(|path| path.exists()));
    }
}
