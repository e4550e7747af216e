//! How versions are released.

use std::fmt;

use serde::Deserialize;

/// What `cargo xtask release` goes by.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Releases {
    /// The branch that they are made on.
    pub branch: Branch,
}

/// The name of a branch: letters, digits, `.`, `_`, `-` and `/`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Branch(String);

impl Branch {
    /// As git knows it.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Branch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Default for Branch {
    fn default() -> Branch {
        Branch("main".into())
    }
}

impl TryFrom<String> for Branch {
    type Error = String;

    fn try_from(name: String) -> Result<Branch, String> {
        let is_part = |part: &str| {
            let all = part.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-".contains(letter));
            // As git has it, and nothing that a command would take for a flag.
            all && !part.is_empty() && !part.starts_with(['.', '-']) && !part.ends_with('.') && !part.ends_with(".lock")
        };
        if name.split('/').all(is_part) && !name.contains("..") {
            return Ok(Branch(name));
        }
        Err(format!("`{name}` is no branch; write its name as git shows it, such as \"main\""))
    }
}

#[cfg(test)]
mod tests {
    use crate::delivery::Delivery;
    use crate::testing::DELIVERY;

    #[test]
    fn a_branch_that_cannot_be_meant_is_shown_where_it_stands() {
        let parse = |name: &str| Delivery::parse(&format!("releases = {{ branch = \"{name}\" }}\n{DELIVERY}"));
        for name in ["main", "release/1.x", "a-b_c"] {
            assert_eq!(parse(name).unwrap().releases.branch.name(), name);
        }
        for name in ["", "-f", "a b", "/a", "a/", "a//b", "a..b", ".a", "a.lock", "a.", "ä"] {
            let mistakes = parse(name).unwrap_err().join("\n");
            assert!(mistakes.contains("config/delivery.toml: TOML parse error at line 1, column 23"), "{mistakes}");
        }
        assert_eq!(Delivery::parse(DELIVERY).unwrap().releases.branch.name(), "main");
    }
}
