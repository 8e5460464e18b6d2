//! The picture of a trial: what clients saw over time, with what happened beneath.
//!
//! Colours come from the page's style sheet, so that it is legible on light and dark pages; shapes and
//! letters say the same as the colours.

use std::fmt::Write as _;

use super::format::duration_us;
use super::scale::{decade_label, grouped, step};
use super::text::html;
use super::timeline::{Slice, Timeline};
use super::trial::TrialView;

const WIDTH: f64 = 920.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 14.0;
const SUCCESS: (f64, f64) = (40.0, 104.0);
const LATENCY: (f64, f64) = (126.0, 172.0);
const OPERATOR: f64 = 184.0;
const NODES: f64 = 206.0;
const BOTTOM: f64 = 224.0;
const HEIGHT: f64 = 250.0;

/// Draws a trial as an SVG element. Empty when there is nothing to draw.
pub(super) fn draw(trial: &TrialView) -> String {
    let line = &trial.timeline;
    if line.slices.is_empty() {
        return String::new();
    }
    let mut svg = Svg { out: String::new(), line };
    let id = trial.row.key.number;
    svg.put(format_args!(
        "<svg class=\"tl\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"t{id}-title t{id}-desc\">\
         <title id=\"t{id}-title\">Trial {id}: client requests over time</title>\
         <desc id=\"t{id}-desc\">{}</desc>",
        html(&describe(trial))
    ));
    svg.frame();
    svg.faults();
    let slices = grouped(&line.slices);
    svg.success(&slices);
    svg.latency(&slices);
    svg.operator();
    svg.nodes();
    svg.marks();
    svg.out.push_str("</svg>");
    svg.out
}

/// The picture in words.
fn describe(trial: &TrialView) -> String {
    let line = &trial.timeline;
    let mut words = String::from("Share of client requests that succeed and 99th percentile latency. ");
    for mark in &line.marks {
        let at = (mark.at_us as f64 - line.zero_us as f64) / 1e6;
        let _ = write!(words, "{at:.1} s: {}. ", mark.label);
    }
    words
}

struct Svg<'a> {
    out: String,
    line: &'a Timeline,
}

impl Svg<'_> {
    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        let _ = self.out.write_fmt(text);
    }

    /// The horizontal place of a time, inside the frame.
    fn x(&self, at_us: u64) -> f64 {
        let (start, end) = (self.line.start_us as f64, self.line.end_us as f64);
        let at = (at_us as f64).clamp(start, end);
        LEFT + (at - start) / (end - start) * (WIDTH - LEFT - RIGHT)
    }

    fn frame(&mut self) {
        let right = WIDTH - RIGHT;
        for (class, x, y, anchor, text) in [
            ("h", LEFT, SUCCESS.0 - 5.0, "start", "requests that succeed"),
            ("h", LEFT, LATENCY.0 - 5.0, "start", "p99 latency of those (log scale)"),
            ("l", LEFT - 6.0, SUCCESS.0 + 8.0, "end", "100 %"),
            ("l", LEFT - 6.0, SUCCESS.1, "end", "0 %"),
            ("l", LEFT - 6.0, OPERATOR + 9.0, "end", "operator"),
            ("l", LEFT - 6.0, NODES + 9.0, "end", "nodes"),
        ] {
            self.put(format_args!(
                "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>"
            ));
        }
        for y in [SUCCESS.0, SUCCESS.1, LATENCY.0, LATENCY.1] {
            self.put(format_args!("<path class=\"grid\" d=\"M{LEFT} {y}H{right}\"/>"));
        }
        let step = step((self.line.end_us - self.line.start_us) as f64 / 1e6);
        let zero = self.line.zero_us as f64 / 1e6;
        let first = ((self.line.start_us as f64 / 1e6 - zero) / step).ceil() as i64;
        let last = ((self.line.end_us as f64 / 1e6 - zero) / step).floor() as i64;
        for tick in first..=last {
            let seconds = tick as f64 * step;
            let x = self.x(((zero + seconds) * 1e6).round() as u64);
            let sign = if seconds < 0.0 { "−" } else { "" };
            let unit = if tick == last { " s" } else { "" };
            self.put(format_args!(
                "<path class=\"grid\" d=\"M{x:.1} {}V{}M{x:.1} {}V{BOTTOM}\"/><text class=\"l\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{sign}{}{unit}</text>",
                SUCCESS.0,
                SUCCESS.1,
                LATENCY.0,
                BOTTOM + 14.0,
                seconds.abs()
            ));
        }
    }

    /// Shades the time in which a fault is in effect.
    fn faults(&mut self) {
        for fault in &self.line.faults {
            let from = self.x(fault.start_us);
            let to = self.x(fault.end_us.unwrap_or(self.line.end_us));
            self.put(format_args!(
                "<rect class=\"fault\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\"/>",
                SUCCESS.0,
                (to - from).max(1.0),
                BOTTOM - SUCCESS.0
            ));
        }
    }

    /// Steps: what succeeds below the line, what does not above it.
    fn success(&mut self, slices: &[Slice]) {
        let (top, base) = SUCCESS;
        let (mut good, mut bad, mut edge) = (String::new(), String::new(), String::new());
        let mut joined = None;
        for slice in slices.iter().filter(|slice| slice.total > 0 && slice.end_us > self.line.start_us) {
            let from = self.x(slice.end_us.saturating_sub(slice.length_us));
            let to = self.x(slice.end_us);
            let y = base - (base - top) * slice.ok as f64 / slice.total as f64;
            let _ = write!(good, "M{from:.1} {base}V{y:.1}H{to:.1}V{base}z");
            if slice.ok < slice.total {
                let _ = write!(bad, "M{from:.1} {top}V{y:.1}H{to:.1}V{top}z");
            }
            let near = joined.is_some_and(|end: f64| (end - from).abs() < 1.0);
            let _ = if near { write!(edge, "V{y:.1}H{to:.1}") } else { write!(edge, "M{from:.1} {y:.1}H{to:.1}") };
            joined = Some(to);
        }
        self.put(format_args!(
            "<path class=\"good\" d=\"{good}\"/><path class=\"bad\" d=\"{bad}\"/><path class=\"edge\" d=\"{edge}\"/>"
        ));
    }

    fn latency(&mut self, slices: &[Slice]) {
        let (top, base) = LATENCY;
        let seen = || slices.iter().filter_map(|slice| slice.p99_us).filter(|us| *us > 0);
        let (Some(least), Some(greatest)) = (seen().min(), seen().max()) else {
            return;
        };
        let low = (least as f64).log10().floor();
        let high = (greatest as f64).log10().ceil().max(low + 1.0);
        for (decade, y) in [(high, top + 8.0), (low, base)] {
            let label = decade_label(decade);
            self.put(format_args!(
                "<text class=\"l\" x=\"{}\" y=\"{y}\" text-anchor=\"end\">{label}</text>",
                LEFT - 6.0
            ));
        }
        let mut path = String::new();
        let mut joined = false;
        for slice in slices.iter().filter(|slice| slice.end_us > self.line.start_us) {
            let Some(us) = slice.p99_us.filter(|us| *us > 0) else {
                joined = false;
                continue;
            };
            let y = base - (base - top) * ((us as f64).log10() - low) / (high - low);
            let from = self.x(slice.end_us.saturating_sub(slice.length_us));
            let to = self.x(slice.end_us);
            let _ = if joined { write!(path, "V{y:.1}H{to:.1}") } else { write!(path, "M{from:.1} {y:.1}H{to:.1}") };
            joined = true;
        }
        self.put(format_args!("<path class=\"p99\" d=\"{path}\"/>"));
    }

    fn operator(&mut self) {
        let line = self.line;
        for command in &line.commands {
            let from = self.x(command.start_us);
            let to = self.x(command.end_us.unwrap_or(line.end_us));
            let class = if command.ok == Some(true) { "cmd" } else { "cmd failed" };
            let title = html(&super::text::one_line(&command.label, 120));
            let took = command
                .end_us
                .map_or(String::new(), |end| format!(" ({})", duration_us(end.saturating_sub(command.start_us))));
            self.put(format_args!(
                "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{OPERATOR}\" width=\"{:.1}\" height=\"11\" rx=\"1.5\"><title>{title}{took}</title></rect>",
                (to - from).max(2.5)
            ));
        }
    }

    /// A triangle up for a node that comes up, down for one that goes down, a dot for anything else.
    fn nodes(&mut self) {
        let line = self.line;
        for mark in line.nodes.iter().filter(|mark| (line.start_us..=line.end_us).contains(&mark.at_us)) {
            let x = self.x(mark.at_us);
            let (class, shape) = match mark.up {
                Some(true) => ("up", format!("M{:.1} {}l5 9h-10z", x, NODES + 1.0)),
                Some(false) => ("down", format!("M{:.1} {}l5 -9h-10z", x, NODES + 10.0)),
                None => ("dot", format!("M{:.1} {}a3 3 0 1 1 0.1 0z", x, NODES + 2.5)),
            };
            let title = html(&format!("{} {}", mark.node, mark.what));
            self.put(format_args!("<path class=\"{class}\" d=\"{shape}\"><title>{title}</title></path>"));
        }
    }

    /// Lettered flags; neighbours make room for each other.
    fn marks(&mut self) {
        let line = self.line;
        let shown: Vec<_> =
            line.marks.iter().filter(|mark| (line.start_us..=line.end_us).contains(&mark.at_us)).collect();
        let mut last = f64::NEG_INFINITY;
        for mark in shown {
            let x = self.x(mark.at_us);
            let flag = x.max(last + 19.0).min(WIDTH - 10.0);
            last = flag;
            let title = html(&mark.label);
            self.put(format_args!(
                "<g class=\"mark\"><title>{title}</title><path d=\"M{flag:.1} 18L{x:.1} 27V{BOTTOM}\"/><circle cx=\"{flag:.1}\" cy=\"10\" r=\"8.5\"/><text x=\"{flag:.1}\" y=\"14\" text-anchor=\"middle\">{}</text></g>",
                mark.kind.letter()
            ));
        }
    }
}
