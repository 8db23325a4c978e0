//! The clients that settings are made for.

use clap::ValueEnum;

/// The clients that settings are made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Client {
    /// Any client that starts a command.
    #[value(alias = "generic-stdio")]
    Generic,
    /// Claude Desktop.
    #[value(alias = "claude")]
    ClaudeDesktop,
    /// Claude Code, for a project.
    ClaudeCode,
    /// Cursor.
    Cursor,
    /// Visual Studio Code.
    #[value(name = "vscode")]
    VsCode,
    /// Codex.
    Codex,
    /// A program that uses the OpenAI Agents SDK, over HTTP.
    OpenaiAgents,
}

impl Client {
    /// Its name on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::ClaudeDesktop => "claude-desktop",
            Self::ClaudeCode => "claude-code",
            Self::Cursor => "cursor",
            Self::VsCode => "vscode",
            Self::Codex => "codex",
            Self::OpenaiAgents => "openai-agents",
        }
    }

    /// Whether it connects over HTTP; else it starts the server itself.
    pub fn over_http(self) -> bool {
        self == Self::OpenaiAgents
    }

    /// The member of its JSON file under which servers stand by their names; `None` where there is no such file.
    pub fn section(self) -> Option<&'static str> {
        match self {
            Self::ClaudeDesktop | Self::ClaudeCode | Self::Cursor => Some("mcpServers"),
            Self::VsCode => Some("servers"),
            Self::Generic | Self::Codex | Self::OpenaiAgents => None,
        }
    }

    /// Its file in the folder of a project.
    pub fn project_file(self) -> Option<&'static str> {
        match self {
            Self::ClaudeCode => Some(".mcp.json"),
            Self::Cursor => Some(".cursor/mcp.json"),
            Self::VsCode => Some(".vscode/mcp.json"),
            Self::Generic | Self::ClaudeDesktop | Self::Codex | Self::OpenaiAgents => None,
        }
    }

    /// Where the settings go, for a sentence.
    pub fn place(self) -> &'static str {
        match self {
            Self::Generic => "your client's settings of a server that it starts",
            Self::ClaudeDesktop => "claude_desktop_config.json, which Claude Desktop opens from its developer settings",
            Self::ClaudeCode => ".mcp.json in your project",
            Self::Cursor => ".cursor/mcp.json in your project, or in your home folder",
            Self::VsCode => ".vscode/mcp.json in your project",
            Self::Codex => "~/.codex/config.toml",
            Self::OpenaiAgents => "your program, and start the server as `start_server` says",
        }
    }
}
