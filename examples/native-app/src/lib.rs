//! A reading app for the terminal: it is opened, by a link or by itself; its reader reads, shares, subscribes; it is closed.
//!
//! What it has to do with Tacita stands in this file: a [`Device`] that lives as long as the app, a session for the visit,
//! a line for each thing that happens, and a flush when there is time. Nothing here waits for the relay but
//! [`Device::refresh`] and [`Device::flush`], and the app works all the same where both fail.

mod articles;

use std::{
    io::{BufRead, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context as _, Result};
use tacita_client::{Device, DeviceConfig, FileStorage, GrpcTransport, Session, VerifyingKey, Visit};
use tacita_protocol::{
    arrival::{Evidence, Navigation},
    channel::Channel,
    id::PublisherId,
    time::SystemClock,
};

pub use crate::articles::SITE;
use crate::articles::{ARTICLES, Article};

const HELP: &str = "\
list                 the articles
read N               opens one
share CHANNEL        shares it: whatsapp, telegram, signal, email, copy …
subscribe PRICE      subscribes
ledger               what this device has told at the most
opt-out, opt-in      never, or again, be counted
quit                 closes the app";

/// What the app is started with.
pub struct Settings {
    /// The publisher's relay.
    pub relay: String,
    /// The publisher's number.
    pub publisher: u32,
    /// The key that the publisher pins.
    pub signing_key: VerifyingKey,
    /// Where the device keeps its state; one file for each publisher.
    pub storage: PathBuf,
    /// The link that opened the app, if one did.
    pub link: Option<String>,
}

/// Does what each line of `commands` says, until `quit` or the last one; says on `out` what a reader sees.
///
/// # Errors
/// A storage that cannot be opened or written, a relay address that is none, an `out` that is closed.
pub async fn run(settings: Settings, commands: impl BufRead, out: &mut impl Write) -> Result<()> {
    let config = DeviceConfig::new(PublisherId(settings.publisher), settings.signing_key);
    let storage = FileStorage::open(&settings.storage).context("the app's storage")?;
    let transport = GrpcTransport::connect(&settings.relay).context("the relay's address")?;
    let device = Device::open(config, storage, transport, Arc::new(SystemClock))?;
    if let Err(error) = device.refresh().await {
        writeln!(out, "(not reached: {error})")?;
    }

    let mut app = App { session: visit(&device, settings.link.as_deref(), out)?, device, open: None };
    for line in commands.lines() {
        match line?.split_whitespace().collect::<Vec<_>>()[..] {
            [] => {}
            ["quit"] => break,
            ["list"] => app.list(out)?,
            ["read", number] => app.read(number, out)?,
            ["share", channel] => app.share(channel, out)?,
            ["subscribe", price] => app.subscribe(price, out)?,
            ["ledger"] => app.ledger(out)?,
            ["opt-out"] => app.opt_out(out)?,
            ["opt-in"] => app.opt_in(out).await?,
            _ => writeln!(out, "{HELP}")?,
        }
    }
    app.close(out).await
}

struct App {
    device: Device,
    /// The visit that is measured, if it is.
    session: Option<Session>,
    /// The article that is read.
    open: Option<&'static Article>,
}

/// Begins the visit. Without a manifest, before the relay was ever reached, nothing is measured yet.
fn visit(device: &Device, link: Option<&str>, out: &mut impl Write) -> Result<Option<Session>> {
    let evidence = Evidence {
        // Opened from its icon, the app shows what a site's front page would.
        url: link.unwrap_or(SITE),
        referrer: "",
        user_agent: "",
        navigation: Navigation::Navigate,
        landing_pages: &[],
    };
    match device.begin_session(&evidence) {
        Ok(Visit::Person(session)) => {
            let arrival = session.arrival();
            writeln!(out, "opened by {} ({})", arrival.channel, arrival.grade.name())?;
            Ok(Some(session))
        }
        Ok(_) => Ok(None),
        Err(error) => {
            writeln!(out, "(not measured: {error})")?;
            Ok(None)
        }
    }
}

impl App {
    fn list(&self, out: &mut impl Write) -> Result<()> {
        for (number, article) in (1..).zip(&ARTICLES) {
            writeln!(out, "{number}  {}", article.title)?;
        }
        Ok(())
    }

    fn read(&mut self, number: &str, out: &mut impl Write) -> Result<()> {
        let wanted = number.parse::<usize>().ok().and_then(|number| ARTICLES.get(number.checked_sub(1)?));
        match wanted {
            Some(article) => writeln!(out, "{}\n{}", article.title, article.text)?,
            None => writeln!(out, "there are articles 1 to {}", ARTICLES.len())?,
        }
        self.open = wanted.or(self.open);
        Ok(())
    }

    /// Shares the open article: which one it was and where it went are both private.
    fn share(&self, channel: &str, out: &mut impl Write) -> Result<()> {
        let Some(article) = self.open else { return Ok(writeln!(out, "read an article first")?) };
        let channel: Channel = match channel.parse() {
            Ok(channel) => channel,
            Err(error) => return Ok(writeln!(out, "{error}")?),
        };
        let page = article.address();
        let Some(session) = &self.session else { return Ok(writeln!(out, "share {page}")?) };
        let shared = session.share_content(article.path, channel)?;
        if shared.links.is_empty() {
            writeln!(out, "share {page}")?;
        }
        for link in shared.links {
            writeln!(out, "share {}", session.tagged_link(&page, link.campaign, channel)?)?;
        }
        Ok(())
    }

    fn subscribe(&self, price: &str, out: &mut impl Write) -> Result<()> {
        let Ok(price) = price.parse::<f64>() else { return Ok(writeln!(out, "give a price, for example 19")?) };
        if let Some(session) = &self.session {
            session.convert(Some(price))?;
        }
        Ok(writeln!(out, "thank you")?)
    }

    fn ledger(&self, out: &mut impl Write) -> Result<()> {
        let lines = self.device.ledger();
        if lines.is_empty() {
            writeln!(out, "nothing was told to anyone")?;
        }
        for line in lines {
            let [spent, bound] = [line.spent_micro, line.bound_micro].map(|micro| micro as f64 / 1e6);
            writeln!(out, "brand {}, epoch {}: ε {spent} of {bound}", line.brand, line.epoch)?;
        }
        Ok(())
    }

    fn opt_out(&mut self, out: &mut impl Write) -> Result<()> {
        self.device.opt_out()?;
        self.session = None;
        Ok(writeln!(out, "erased; nothing is measured on this device")?)
    }

    /// The next visit is measured again.
    async fn opt_in(&self, out: &mut impl Write) -> Result<()> {
        self.device.opt_in()?;
        match self.device.refresh().await {
            Ok(()) => writeln!(out, "counted from the next visit on")?,
            Err(error) => writeln!(out, "counted once the relay is reached: {error}")?,
        }
        Ok(())
    }

    /// Answers what the visit leaves open, and sends what can be sent. The rest stays in the storage for the next start.
    async fn close(mut self, out: &mut impl Write) -> Result<()> {
        if let Some(session) = self.session.take() {
            session.close()?;
        }
        let summary = self.device.flush().await;
        writeln!(out, "{} reports are with the relay, {} wait", summary.delivered(), summary.left)?;
        if let Some(trouble) = summary.trouble {
            writeln!(out, "(they are sent at the next start: {trouble})")?;
        }
        Ok(())
    }
}
