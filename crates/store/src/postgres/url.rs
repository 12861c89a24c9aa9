//! Where the database is, without showing the password to anybody.

use std::{fmt, str::FromStr};

use tokio_postgres::{Config, config::Host};

/// `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require`.
///
/// It may hold a password, so what it prints, and what an error says about it, leaves that out.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(Box<Config>);

/// A text that is no [`PostgresUrl`]. It does not repeat the text, which may hold a password.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "this is no database's URL: write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the \
     password percent-encoded (@ as %40, / as %2F, ? as %3F)"
)]
pub struct InvalidUrl;

impl PostgresUrl {
    /// What connections are configured with.
    pub(super) fn config(&self) -> &Config {
        &self.0
    }
}

impl FromStr for PostgresUrl {
    type Err = InvalidUrl;

    fn from_str(text: &str) -> Result<Self, InvalidUrl> {
        if !["postgresql://", "postgres://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err(InvalidUrl);
        }
        let config = Config::from_str(text).map_err(|_| InvalidUrl)?;
        if config.get_hosts().is_empty() { Err(InvalidUrl) } else { Ok(Self(Box::new(config))) }
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgresql://")?;
        if let Some(user) = self.0.get_user() {
            write!(f, "{user}@")?;
        }
        for (place, host) in self.0.get_hosts().iter().enumerate() {
            f.write_str(if place > 0 { "," } else { "" })?;
            match (host, self.0.get_ports().get(place)) {
                (Host::Tcp(name), Some(port)) => write!(f, "{name}:{port}")?,
                (Host::Tcp(name), None) => f.write_str(name)?,
                (Host::Unix(folder), _) => write!(f, "{}", folder.display())?,
            }
        }
        write!(f, "/{}", self.0.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_url_holds_no_password() {
        let url: PostgresUrl = "postgresql://tacita:s%40cret@db.example:5433/news?sslmode=require".parse().unwrap();
        assert_eq!(url.config().get_password(), Some(&b"s@cret"[..]));
        for shown in [url.to_string(), format!("{url:?}")] {
            assert_eq!(shown, "postgresql://tacita@db.example:5433/news");
        }
        let socket: PostgresUrl = "postgresql://tacita@%2Frun%2Fpg/news".parse().unwrap();
        assert_eq!(socket.to_string(), "postgresql://tacita@/run/pg/news");
    }

    #[test]
    fn what_is_no_url_is_refused_without_repeating_it() {
        for text in ["", "embedded", "host=db password=s3cret", "mysql://u:s3cret@db/x", "postgresql://u:s3cret@db:x/y"]
        {
            let refused = text.parse::<PostgresUrl>().unwrap_err();
            assert!(!refused.to_string().contains("s3cret"), "{refused}");
        }
    }
}
