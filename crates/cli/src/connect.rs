//! Reaching a collector as somebody who has an API key.

use std::{error::Error as _, time::Duration};

use anyhow::{Context as _, Result, anyhow};
use ed25519_dalek::VerifyingKey;
use tacita_proto::v1::{
    self, admin_service_client::AdminServiceClient, audit_service_client::AuditServiceClient,
    reporting_service_client::ReportingServiceClient, transparency_service_client::TransparencyServiceClient,
};
use tacita_protocol::record::{RecordEntry, RecordHead};
use tacita_tls::{ClientTls, Server};
use tonic::{
    Code, Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

use crate::{
    settings::{KeyArgs, http_address},
    tls::ClientTlsArgs,
};

/// The longest answer that is taken: a large campaign's rows.
const LONG_ANSWER: usize = 64 << 20;

/// How to reach a collector: for every command that asks one, before or after its subcommand.
#[derive(clap::Args, Clone)]
pub(crate) struct CollectorArgs {
    /// The collector's address.
    #[arg(long, value_name = "URL", env = "TACITA_COLLECTOR", default_value = "http://127.0.0.1:7601", value_parser = http_address, global = true)]
    collector: String,
    #[command(flatten)]
    key: KeyArgs,
    #[command(flatten)]
    tls: ClientTlsArgs,
}

impl CollectorArgs {
    /// Whether a key was given.
    pub(crate) fn has_key(&self) -> bool {
        self.key.is_given()
    }

    /// Whom to trust, and what to show: of a relay, too.
    pub(crate) fn tls(&self) -> Result<ClientTls> {
        self.tls.clone().read()
    }

    /// A client of the AdminService.
    pub(crate) async fn admin(&self) -> Result<AdminClient> {
        let holder = "the operator's key (the collector writes one to DATA/operator.key when it first starts)";
        let key = Bearer::new(&self.key.read(holder)?)?;
        Ok(AdminServiceClient::with_interceptor(self.channel().await?, key))
    }

    /// A client of the AuditService.
    pub(crate) async fn audit(&self) -> Result<AuditClient> {
        let key = self
            .key
            .read("an auditor's key (`tacita admin key create --role auditor` makes one), or the operator's")?;
        // One entry may be long: a measure lists the labels of its dimensions.
        Ok(AuditServiceClient::with_interceptor(self.channel().await?, Bearer::new(&key)?)
            .max_decoding_message_size(LONG_ANSWER))
    }

    /// A publisher's record, signed by the key that the collector says is its own.
    pub(crate) async fn record(&self, publisher: u32, key: &VerifyingKey) -> Result<Record> {
        let holder = "the operator's key (the collector writes one to DATA/operator.key when it first starts)";
        Record::fetch(&self.collector, self.tls()?, &self.key.read(holder)?, publisher, key).await
    }

    /// A client of the ReportingService.
    pub(crate) async fn reporting(&self) -> Result<ReportingClient> {
        let holder = "the brand's key (`tacita admin key create --role brand --subject BRAND` makes one)";
        let key = Bearer::new(&self.key.read(holder)?)?;
        Ok(ReportingServiceClient::with_interceptor(self.channel().await?, key).max_decoding_message_size(LONG_ANSWER))
    }

    async fn channel(&self) -> Result<Channel> {
        reach(&self.collector, self.tls()?).await
    }
}

/// A client of the AdminService that carries an API key.
pub(crate) type AdminClient = AdminServiceClient<InterceptedService<Channel, Bearer>>;

/// A client of the AuditService that carries an API key.
pub(crate) type AuditClient = AuditServiceClient<InterceptedService<Channel, Bearer>>;

/// A client of the ReportingService that carries an API key.
pub(crate) type ReportingClient = ReportingServiceClient<InterceptedService<Channel, Bearer>>;

/// Connects to a collector's AdminService.
pub(crate) async fn admin(address: &str, key: &str) -> Result<AdminClient> {
    Ok(AdminServiceClient::with_interceptor(channel(address).await?, Bearer::new(key)?))
}

/// Connects to a collector's ReportingService.
pub(crate) async fn reporting(address: &str, tls: ClientTls, key: &str) -> Result<ReportingClient> {
    Ok(ReportingServiceClient::with_interceptor(reach(address, tls).await?, Bearer::new(key)?)
        .max_decoding_message_size(LONG_ANSWER))
}

/// A publisher's whole record, as the collector tells it.
pub(crate) struct Record {
    /// By rising period.
    pub(crate) entries: Vec<RecordEntry>,
    /// Signed; whether the entries lead to it is not checked yet.
    pub(crate) head: RecordHead,
}

impl Record {
    /// Fetches all pages. A `publisher` of 0 is the one whose key it is.
    pub(crate) async fn fetch(
        address: &str,
        tls: ClientTls,
        key: &str,
        publisher: u32,
        pinned: &VerifyingKey,
    ) -> Result<Self> {
        let channel = reach(address, tls).await?;
        let mut client = TransparencyServiceClient::with_interceptor(channel, Bearer::new(key)?);
        let (mut entries, mut from_period) = (Vec::new(), 0);
        loop {
            let request = v1::ListRecordRequest { publisher, from_period, page_size: 0 };
            let page = client.list_record(request).await.map_err(refused)?.into_inner();
            let read = page.entries.iter().map(RecordEntry::try_from).collect::<Result<Vec<_>, _>>()?;
            entries.extend(read);
            if page.next_period <= from_period {
                let head = page.head.context("the collector's record has no head")?;
                return Ok(Self { entries, head: RecordHead::verify(&head, pinned)? });
            }
            from_period = page.next_period;
        }
    }
}

/// Connects to a collector without a key.
pub(crate) async fn channel(address: &str) -> Result<Channel> {
    reach(address, ClientTls::default()).await
}

async fn reach(address: &str, tls: ClientTls) -> Result<Channel> {
    let server = Server::new(address, &tls)?.with(|endpoint| endpoint.connect_timeout(Duration::from_secs(5)));
    server.connect().await.map_err(|error| unreached(address, error.into()))
}

/// What is said of a connection whose other end closes it at once, or speaks otherwise: which of them is a matter of
/// who was first.
const CUT_OFF: [&str; 5] = ["h2 protocol error", "http2 error", "reset by peer", "roken pipe", "connection closed"];

/// Why there is no connection, and what to do.
fn unreached(address: &str, error: anyhow::Error) -> anyhow::Error {
    let told = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    let is_told = |text: &str| told.contains(text);
    let remedy = if is_told("UnknownIssuer") || is_told("CaUsedAsEndEntity") {
        "its certificate is of an authority that is not known here: give that authority's certificate with --ca FILE"
    } else if is_told("invalid peer certificate") {
        "its certificate is not taken: write the host that it is for, or have it renewed"
    } else if is_told("CertificateRequired") {
        "it asks for a certificate: give one with --client-cert FILE and --client-key FILE"
    } else if address.starts_with("http://") && !is_told("refused") && CUT_OFF.iter().any(|text| is_told(text)) {
        "it does not answer as gRPC does: if it speaks TLS write https://"
    } else if is_told("InvalidContentType") || is_told("corrupt message") {
        "it does not speak TLS: write http://"
    } else {
        return error.context(format!("no collector answers at {address}: is `tacita collector` running there?"));
    };
    error.context(format!("the collector at {address} is not taken: {remedy}"))
}

/// Puts an API key on each request.
#[derive(Clone)]
pub(crate) struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    /// The interceptor for this key.
    pub(crate) fn new(key: &str) -> Result<Self> {
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {key}").parse().map_err(|_| anyhow!("the API key holds characters that no key has"))?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// Whether it was the connection that failed, in whatever words: what a server refuses has no source on this side.
fn is_cut_off(status: &Status) -> bool {
    status.source().is_some()
}

/// A gRPC refusal as an error for people: the server's message says what to do.
pub(crate) fn refused(status: Status) -> anyhow::Error {
    match status.code() {
        _ if is_cut_off(&status) => anyhow!(
            "the connection broke before there was an answer ({}): if the server speaks TLS write https://, and if it ended meanwhile ask again",
            status.message()
        ),
        Code::Unavailable => anyhow!("the server went away: {}", status.message()),
        Code::Unimplemented => anyhow!("the server does not offer this: is it a Tacita collector of this version?"),
        _ => anyhow!("{}", status.message()),
    }
}
