//! One redactor for all snapshots: what differs from one machine or moment to the next.

/// Settings under which snapshots are taken.
pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(
        env!("CARGO_PKG_VERSION").replace('.', "\\.").as_str(),
        "[VERSION]",
    );
    settings
}
