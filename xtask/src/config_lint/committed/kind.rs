//! The kinds of secrets that are looked for, by the names `delivery.toml` and the findings have for them.

use serde::Deserialize;

/// What something that was found is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A private key in PEM, of TLS, SSH or PGP.
    PrivateKey,
    /// The id of an access key of AWS, which its secret is seldom far from.
    AwsAccessKeyId,
    /// The secret of an access key of AWS.
    AwsSecretKey,
    /// A token of GitHub: a person's, an OAuth app's or a GitHub app's.
    GithubToken,
    /// A token of GitLab: a person's, a deployment's, a runner's or a trigger's.
    GitlabToken,
    /// A token of Slack.
    SlackToken,
    /// A URL of Slack that posts for whoever knows it.
    SlackWebhook,
    /// A live key of Stripe.
    StripeKey,
    /// An API key of Google.
    GoogleApiKey,
    /// A token of npm.
    NpmToken,
    /// A token of PyPI or TestPyPI.
    PypiToken,
    /// A token of crates.io.
    CratesToken,
    /// A signed JSON Web Token.
    Jwt,
    /// A registry's user and password, as Docker and npm keep them.
    RegistryAuth,
    /// An API key of SendGrid.
    SendgridKey,
    /// A secret key of age.
    AgeSecretKey,
    /// A URL with a password in it.
    UrlPassword,
    /// A value that looks random, given to a key whose name says that it is secret.
    HighEntropy,
}

impl Kind {
    /// As `delivery.toml` has it.
    pub fn name(self) -> &'static str {
        self.told().0
    }

    /// As a sentence has it.
    pub fn what(self) -> &'static str {
        self.told().1
    }

    fn told(self) -> (&'static str, &'static str) {
        match self {
            Kind::PrivateKey => ("private-key", "a private key"),
            Kind::AwsAccessKeyId => ("aws-access-key-id", "an AWS access key id"),
            Kind::AwsSecretKey => ("aws-secret-key", "an AWS secret key"),
            Kind::GithubToken => ("github-token", "a GitHub token"),
            Kind::GitlabToken => ("gitlab-token", "a GitLab token"),
            Kind::SlackToken => ("slack-token", "a Slack token"),
            Kind::SlackWebhook => ("slack-webhook", "a Slack webhook"),
            Kind::StripeKey => ("stripe-key", "a Stripe live key"),
            Kind::GoogleApiKey => ("google-api-key", "a Google API key"),
            Kind::NpmToken => ("npm-token", "an npm token"),
            Kind::PypiToken => ("pypi-token", "a PyPI token"),
            Kind::CratesToken => ("crates-token", "a crates.io token"),
            Kind::Jwt => ("jwt", "a signed JSON Web Token"),
            Kind::RegistryAuth => ("registry-auth", "a registry's user and password"),
            Kind::SendgridKey => ("sendgrid-key", "a SendGrid key"),
            Kind::AgeSecretKey => ("age-secret-key", "an age secret key"),
            Kind::UrlPassword => ("url-password", "a URL with a password"),
            Kind::HighEntropy => ("high-entropy", "a value that looks random under a key that names a secret"),
        }
    }
}
