//! Checks and findings for a terminal. Returns text; who prints it is the caller's affair.

use comfy_table::{ContentArrangement, Table, presets};

use crate::finding::Finding;
use crate::record::{CheckRow, Verdict};

/// The checks as a table of at most `width` columns of characters, without colour.
///
/// # Example
/// ```
/// use limpid_diagnostics::record::{CheckRow, Verdict};
/// use limpid_diagnostics::report::checks_table;
///
/// let row = CheckRow::new("initial loss", Verdict::Passed).with_figures("2.303 ± 0.1", "2.297");
/// let table = checks_table(&[row], 80);
/// let row: Vec<&str> = table.lines().nth(2).unwrap_or_default().split_whitespace().collect();
/// assert_eq!(row, ["initial", "loss", "passed", "2.303", "±", "0.1", "2.297"]);
/// ```
pub fn checks_table(checks: &[CheckRow], width: u16) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(width);
    let details = checks.iter().any(|check| !check.detail.is_empty());
    let shown = |columns: [&str; 5]| -> Vec<String> {
        let count = if details { 5 } else { 4 };
        columns
            .iter()
            .take(count)
            .map(|text| printable(text))
            .collect()
    };
    table.set_header(shown([
        "check",
        "verdict",
        "expected",
        "found",
        "what it means",
    ]));
    table.add_row(shown([
        "─────",
        "───────",
        "────────",
        "─────",
        "─────────────",
    ]));
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Passed => "passed",
            Verdict::Failed => "FAILED",
            Verdict::Waived => "waived",
            Verdict::Skipped => "skipped",
        };
        table.add_row(shown([
            &check.name,
            verdict,
            &check.expected,
            &check.found,
            &check.detail,
        ]));
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| line.trim_end().to_owned())
        .collect();
    lines.join("\n")
}

/// The findings, two lines each, the most severe first; empty when there are none.
pub fn findings_text(findings: &[Finding]) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|left, right| Finding::by_severity(left, right));
    let lines: Vec<String> = sorted
        .into_iter()
        .map(|finding| {
            let shown = finding.to_string();
            shown
                .lines()
                .map(printable)
                .collect::<Vec<String>>()
                .join("\n")
        })
        .collect();
    lines.join("\n")
}

/// Text that cannot move the cursor or change colours: control characters become U+FFFD.
fn printable(text: &str) -> String {
    text.chars()
        .map(|it| if it.is_control() { '\u{fffd}' } else { it })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    #[test]
    fn a_table_keeps_to_its_width() {
        let detail = "the loss before any step is that of an uninformed model ".repeat(4);
        let rows = [
            CheckRow::new("initial loss", Verdict::Failed)
                .with_figures("2.303 ± 0.1", "5.71")
                .with_detail(detail),
            CheckRow::new("gradient check", Verdict::Waived),
        ];
        let table = checks_table(&rows, 72);
        assert!(
            table.lines().all(|line| line.chars().count() <= 72),
            "{table}"
        );
        assert!(table.contains("FAILED") && table.contains("waived"));
    }

    #[test]
    fn the_most_severe_finding_comes_first_and_cannot_steer_the_terminal() {
        let findings = [
            Finding::new("later", Severity::Info),
            Finding::new("first", Severity::Fault).with_cause("\u{1b}[31mred"),
        ];
        let text = findings_text(&findings);
        assert!(text.starts_with("fault first at the whole run\n"), "{text}");
        assert!(!text.contains('\u{1b}'));
        assert_eq!(findings_text(&[]), "");
    }
}
