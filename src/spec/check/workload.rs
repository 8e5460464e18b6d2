//! Checks of the client load.

use super::{Findings, Place, Scope, placeholder};
use crate::spec::diagnostic::Problem;
use crate::spec::subject::{HttpOp, OpKind, Workload};

impl Findings {
    pub(super) fn workload(&mut self, workload: &Workload, place: Place, scope: &Scope) {
        let Workload::Http(http) = workload;
        let place = place.key("http");
        if http.rate.0 <= 0.0 {
            self.add(Problem::new(place.key("rate").span, "`rate` is zero").label("must be above zero"));
        }
        self.not_zero(http.timeout, place.key("timeout"), "`timeout`");
        self.role(http.role.as_deref(), place, scope);
        let ops = place.key("ops");
        let names = http.ops.iter().enumerate();
        self.unique(names.map(|(i, op)| (op.name.as_str(), ops.item(i).key("name").span)), "operation");
        for (kind, what) in [(OpKind::Write, "write"), (OpKind::Read, "read")] {
            if http.ops.iter().all(|op| op.kind != kind) && !self.partial {
                self.add(
                    Problem::new(place.at_key("ops").span, format!("no operation of kind `{what}`"))
                        .label("the ledger of acknowledged writes needs one of each kind")
                        .help("acknowledged writes are read back at the end to see whether any was lost"),
                );
            }
        }
        for (i, op) in http.ops.iter().enumerate() {
            self.operation(op, ops.item(i));
        }
    }

    fn operation(&mut self, op: &HttpOp, place: Place) {
        self.path(&op.path, place.key("path"));
        self.placeholders(&op.path, &["key", "value"], place.key("path"));
        let body = op.body.as_deref().unwrap_or_default();
        self.placeholders(body, &["key", "value"], place.key("body"));
        if !placeholder::has(&op.path, "key") {
            self.add(
                Problem::new(place.key("path").span, format!("the path of `{}` has no `{{key}}`", op.name))
                    .label("every request would be the same")
                    .help(format!("for example `/{}/{{key}}`", op.path.trim_matches('/'))),
            );
        }
        if op.kind == OpKind::Write && !placeholder::has(body, "value") && !placeholder::has(&op.path, "value") {
            let at = if op.body.is_some() { place.key("body") } else { place };
            self.add(
                Problem::new(at.span, format!("`{}` writes no `{{value}}`", op.name))
                    .label("what is written could not be recognised again")
                    .help("give `body: \"{value}\"`"),
            );
        }
        for (i, status) in op.failed.iter().enumerate() {
            if let Some(j) = op.ok.iter().position(|ok| ok == status) {
                self.add(
                    Problem::new(
                        place.key("failed").item(i).span,
                        format!("status {status} is both `ok` and `failed`"),
                    )
                    .label("`failed` means: certainly not done")
                    .also(place.key("ok").item(j).span, "`ok`"),
                );
            }
        }
    }
}
