//! Every service on its foundation, and what stands before it: the guard, the limits, the call layer.

use std::sync::Arc;

use tacita_admission::Door;
use tacita_connections::messages;
use tacita_observability::Methods;
use tacita_proto::v1::{
    admin_service_server::AdminServiceServer, audit_service_server::AuditServiceServer,
    collection_service_server::CollectionServiceServer, manifest_service_server::ManifestServiceServer,
    reporting_service_server::ReportingServiceServer, token_service_server::TokenServiceServer,
    transparency_service_server::TransparencyServiceServer,
};
use tonic::service::Routes;
use tonic_health::server::HealthReporter;

use super::foundation::Foundation;
use crate::{
    CollectorError, dashboard,
    guard::Guard,
    ingest::Ingest,
    pages::for_pages,
    places::{FOLLOWERS, ISSUANCES, Names, Places, QUERIES, UPLOAD_STREAMS, UPLOADS},
    pool::{CryptoPool, Limit},
    quota::TokenQuota,
    receipts::Receipts,
    report::Desk,
    services::{Admin, Audit, AuditedFilter, Backups, Collection, Manifests, Reporting, Tokens, Transparency},
};

/// The largest message to the service that operators call, and auditors for its status; it is read from no one else. A
/// measure's contents, 100,000 ids of up to 256 bytes each, and some to spare.
const ADMIN_MESSAGE: Limit = Limit { name: "admin_message_bytes", value: 32 << 20 };

/// The service whose messages may be longer than others'.
const ADMIN: &str = "/tacita.v1.AdminService/";

/// The descriptors of reflection itself.
const REFLECTION: &[u8] = tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET;

impl Foundation {
    /// Every service, as yet without a listener.
    pub(super) fn routes(self, health: HealthReporter) -> Result<Routes, CollectorError> {
        let most = self.config.limits.message_bytes;
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(tacita_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .build_v1()
            .map_err(|error| CollectorError::Server(error.to_string()))?;
        let health = tonic_health::server::HealthService::from_health_reporter(health);
        let certificates = self.config.tls.as_ref().is_some_and(|tls| tls.clients.is_some());
        let guard = Guard::new(self.registry.clone(), self.clock.clone(), certificates);
        let reporting = ReportingServiceServer::new(self.reporting()).max_decoding_message_size(most);
        let health = tonic_health::pb::health_server::HealthServer::new(health).max_decoding_message_size(most);
        let manifests = ManifestServiceServer::new(self.manifests()).max_decoding_message_size(most);
        let tokens = TokenServiceServer::new(self.tokens()?).max_decoding_message_size(most);
        let transparency = TransparencyServiceServer::new(self.transparency()).max_decoding_message_size(most);
        let audit = AuditServiceServer::new(Audit { registry: self.registry.clone() }).max_decoding_message_size(most);
        let collection = self.collection()?;
        let check = collection.door();
        let collection = Door::new(CollectionServiceServer::new(collection).max_decoding_message_size(most), check);
        let admin = AdminServiceServer::new(self.admin()).max_decoding_message_size(ADMIN_MESSAGE.value);
        let services = Routes::new(guard.before(health))
            .add_service(guard.before(reflection.max_decoding_message_size(most)))
            .add_service(guard.before(manifests))
            .add_service(guard.before(tokens))
            .add_service(guard.before(collection))
            .add_service(for_pages(guard.before(reporting), &self.config.dashboard_origins))
            .add_service(guard.before(admin))
            .add_service(guard.before(transparency))
            .add_service(guard.before(audit));
        let services = self.naming_limits(services);
        let routes = if self.config.serve_dashboard { dashboard::beside(services) } else { services };
        Ok(Routes::from(routes.into_axum_router().layer(self.calls)))
    }

    /// `services`, whose refusals of long messages name the limit.
    fn naming_limits(&self, services: Routes) -> Routes {
        let of_others = self.config.limits.message();
        let limit = move |path: &str| if path.starts_with(ADMIN) { ADMIN_MESSAGE } else { of_others };
        messages::bounded(services.into_axum_router(), limit).into()
    }

    fn manifests(&self) -> Manifests {
        Manifests::new(self.registry.clone(), self.signing_key.clone())
    }

    fn tokens(&self) -> Result<Tokens, CollectorError> {
        let pool = self.pool("issue", self.places(ISSUANCES, self.config.limits.issuances_in_flight))?;
        let (registry, keys, clock) = (self.registry.clone(), self.keys.clone(), self.clock.clone());
        let quota = TokenQuota::new(registry.clone(), self.config.limits.tokens_per_publisher, self.work.clone());
        let quota = Arc::new(quota);
        Ok(Tokens { registry, keys, clock, pool, metrics: self.metrics.clone(), quota })
    }

    fn collection(&self) -> Result<Collection, CollectorError> {
        let limits = &self.config.limits;
        let ingest = Ingest {
            registry: self.registry.clone(),
            keys: self.keys.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            pool: self.pool("open", self.places(UPLOADS, limits.uploads_in_flight))?,
            opening: Arc::default(),
            windows: self.config.window_policy,
            reports_per_batch: limits.reports_per_batch,
            admission: self.admission.clone(),
            upload_millis: Limit { name: "upload_millis", value: limits.upload_millis },
            metrics: self.metrics.clone(),
        };
        let streams = self.places(UPLOAD_STREAMS, limits.upload_streams);
        let drain = self.drain.clone();
        let receipts = Receipts { signing_key: self.signing_key.clone(), clock: self.clock.clone() };
        Ok(Collection::new(Arc::new(ingest), receipts, streams, limits, self.work.clone(), drain))
    }

    fn transparency(&self) -> Transparency {
        Transparency { registry: self.registry.clone(), record: self.record.clone() }
    }

    fn reporting(&self) -> Reporting {
        let limits = &self.config.limits;
        let desk = Arc::new(Desk::new(self.tallies.clone(), self.clock.clone(), self.work.clone()));
        Reporting {
            registry: self.registry.clone(),
            desk,
            webhooks: self.webhooks.clone(),
            queries: Arc::new(self.places(QUERIES, limits.queries_in_flight)),
            followers: self.places(FOLLOWERS, limits.followers),
            declarations_per_day: limits.declarations_per_day,
            policy: self.config.rules().campaign,
            drain: self.drain.clone(),
            metrics: self.metrics.clone(),
        }
    }

    fn admin(&self) -> Admin {
        let audited = |log| AuditedFilter::new(log, self.registry.clone(), self.work.clone());
        let backups = (Limit { name: "backups", value: self.config.limits.backups }, &*self.metrics);
        Admin {
            registry: self.registry.clone(),
            store: self.store.clone(),
            keys: self.keys.clone(),
            clock: self.clock.clone(),
            rules: self.config.rules(),
            metrics: self.metrics.clone(),
            page: self.page.clone(),
            readiness: self.readiness.clone(),
            log: self.config.log.clone().map(audited),
            verifying_key: self.signing_key.verifying_key(),
            backups: Backups::new(self.backup.clone(), self.clock.clone(), self.drain.clone(), backups),
        }
    }

    fn places(&self, names: Names, most: usize) -> Places {
        Places::new(names, most, &self.config.limits, &self.metrics)
    }

    fn pool(&self, kind: &'static str, places: Places) -> Result<CryptoPool, CollectorError> {
        CryptoPool::new(kind, self.config.limits.crypto_threads, places, &self.metrics)
            .map_err(|error| CollectorError::Server(error.to_string()))
    }
}

/// The methods that calls are counted by: a path that is none is the dashboard's, or `other`.
pub(super) fn methods() -> Result<Methods, CollectorError> {
    let sets = [tacita_proto::DESCRIPTORS, tonic_health::pb::FILE_DESCRIPTOR_SET, REFLECTION];
    let other = |path: &str| match path.starts_with("/tacita.") || path.starts_with("/grpc.") {
        true => "other",
        false => "dashboard",
    };
    Methods::new(&sets, &["dashboard", "other"], other).map_err(|error| CollectorError::Server(error.to_string()))
}
