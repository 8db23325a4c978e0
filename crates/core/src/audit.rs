//! What lists of tools let a model do to a database, told by their names, schemas and words.
//!
//! The rules look at lists as servers give them to models; they call nothing. A finding is a reason to look, not a proof.

mod lock;
mod manifest;
mod rules;

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

pub use lock::Lock;
pub use manifest::tools_in;

use crate::tool::estimate_tokens;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Low,
    /// Worth mending.
    Medium,
    /// A model may do harm.
    High,
}

impl Severity {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

macro_rules! codes {
    ($($variant:ident $text:literal $severity:ident $message:literal $advice:literal;)*) => {
        /// What a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = concat!("`", $text, "`: ", $message, ".")] $variant,)*
        }

        impl Code {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The code in reports.
            #[must_use]
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// How bad it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// What was found.
            #[must_use]
            pub fn message(self) -> &'static str {
                match self { $(Self::$variant => $message,)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn advice(self) -> &'static str {
                match self { $(Self::$variant => $advice,)* }
            }
        }
    };
}

codes! {
    GenericSqlTool "GENERIC_SQL_TOOL" High "the tool runs SQL that a model writes"
        "replace it by tools for single business actions, each with a fixed statement";
    WriteToolAcceptsArbitrarySql "WRITE_TOOL_ACCEPTS_ARBITRARY_SQL" High "an argument of the tool is SQL"
        "take the argument out; let a model name the row and the values only";
    ArbitraryIdentifierInput "ARBITRARY_IDENTIFIER_INPUT" High "a model chooses the table, schema or columns"
        "fix tables and columns in the tool's definition";
    ModelControlledTrustScope "MODEL_CONTROLLED_TRUST_SCOPE" High "a model says for whom it acts, or what it may change"
        "take tenant, principal and row versions from the trusted side, never from arguments";
    ModelCallableCommitOrApproval "MODEL_CALLABLE_COMMIT_OR_APPROVAL" High "a model can approve or commit by itself"
        "let a person approve outside the model";
    WriteWithoutProposalBoundary "WRITE_WITHOUT_PROPOSAL_BOUNDARY" High "the tool writes without a review in between"
        "let the tool propose the change, and apply it after a person has approved it";
    HiddenInstructions "HIDDEN_INSTRUCTIONS" High "the tool's texts give a model orders beyond what the tool is for"
        "read the texts; do not use a server whose descriptions steer your agent";
    InvisibleUnicode "INVISIBLE_UNICODE" High "the tool's texts hold characters that a person does not see"
        "take them out, or do not use the server: a model reads them";
    ToolDrift "TOOL_DRIFT" High "the tool is not as it was when it was looked at"
        "look at it again, then accept it with `--update-lock`";
    NoStructuredOutputSchema "NO_STRUCTURED_OUTPUT_SCHEMA" Medium "nothing says what the tool answers"
        "add `outputSchema`";
    NoIdempotencyField "NO_IDEMPOTENCY_FIELD" Medium "a call that is sent twice writes twice"
        "make the change once by a key that the server keeps";
    NoConflictGuard "NO_CONFLICT_GUARD" Medium "the tool writes even if the row has changed since it was read"
        "guard the write by the version that was read";
    AmbiguousReadWriteTool "AMBIGUOUS_READ_WRITE_TOOL" Medium "the tool reads and writes, so that reading cannot be allowed alone"
        "make two tools of it";
    ShadowedToolName "SHADOWED_TOOL_NAME" Medium "several servers have a tool of this name, so that a model may call the wrong one"
        "rename one of them, or use one of the servers only";
    NoToolsFound "NO_TOOLS_FOUND" Medium "there are no tools to look at"
        "give a list of tools, the settings of a client, or a server";
    ServerNotAudited "SERVER_NOT_AUDITED" Medium "the server's tools could not be looked at"
        "start the server by hand to see why, then run this again";
    MissingBusinessDescription "MISSING_BUSINESS_DESCRIPTION" Low "the tool has no description"
        "say what it does for the business, and when to use it";
    MissingRiskAnnotations "MISSING_RISK_ANNOTATIONS" Low "the tool does not say whether it reads or writes"
        "add `readOnlyHint` and `destructiveHint`";
    MissingTestFixture "MISSING_TEST_FIXTURE" Low "the tool comes without an example"
        "add an example of its arguments";
    HeavyToolList "HEAVY_TOOL_LIST" Low "the tools take much of a model's context with every request"
        "offer fewer tools, or shorter descriptions and schemas";
}

/// One tool as a server lists it.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed {
    /// The server that lists it; empty where there is only one.
    pub server: String,
    /// Where it stands in what was read, such as `$.tools[0]`.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its description; may be blank.
    pub description: String,
    /// Whether something says what it answers.
    pub describes_output: bool,
    /// What it says of its risks.
    pub annotations: Map<String, Json>,
    /// Everything that was listed of it.
    pub entry: Json,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub code: Code,
    /// The tool; `None` if it is about the whole list.
    pub tool: Option<String>,
    /// Where, and what exactly: shown as they are.
    pub evidence: Vec<String>,
}

/// What was found in a list of tools.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audit {
    /// How many tools there were.
    pub tools: usize,
    /// About how many tokens they take of a model's context.
    pub tokens: usize,
    /// What was found, the worst first.
    pub findings: Vec<Finding>,
}

/// About as many tokens are much: a tenth of a small model's context.
const HEAVY: usize = 10_000;

/// Looks at tools; `more` are findings of whoever fetched them.
#[must_use]
pub fn audit(tools: &[Listed], more: Vec<Finding>) -> Audit {
    let mut findings = more;
    for tool in tools {
        findings.extend(rules::check(tool));
    }
    findings.extend(shadowed(tools));
    let tokens = tools.iter().map(|tool| estimate_tokens(&tool.entry.to_string())).sum();
    if tokens > HEAVY {
        let detail = format!("{} tools take about {tokens} tokens", tools.len());
        findings.push(Finding { code: Code::HeavyToolList, tool: None, evidence: vec![detail] });
    }
    if tools.is_empty() {
        findings.push(Finding { code: Code::NoToolsFound, tool: None, evidence: Vec::new() });
    }
    // The sort is stable: among equals the list's order stays.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.code.severity()));
    Audit { tools: tools.len(), tokens, findings }
}

impl Audit {
    /// How many findings are that bad.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.code.severity() == severity).count()
    }

    /// How bad the worst finding is.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.code.severity()).max()
    }
}

/// Tools of one name on several servers.
fn shadowed(tools: &[Listed]) -> Vec<Finding> {
    let mut by_name: BTreeMap<String, Vec<&Listed>> = BTreeMap::new();
    for tool in tools {
        by_name.entry(rules::normalized(&tool.name)).or_default().push(tool);
    }
    let several = by_name.into_values().filter_map(|same| {
        let first = same.first()?;
        let servers: Vec<&str> = same.iter().map(|tool| tool.server.as_str()).collect();
        servers.iter().any(|server| *server != first.server).then(|| Finding {
            code: Code::ShadowedToolName,
            tool: Some(first.name.clone()),
            evidence: same.iter().map(|tool| format!("path {}", tool.path)).collect(),
        })
    });
    several.collect()
}

#[cfg(test)]
mod tests;
