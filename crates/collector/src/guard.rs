//! The door of every service: who calls is found out, and the [table](crate::access) asked, before anything of the request is
//! read. Behind it a method finds its [`Caller`].

use std::{
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, future::Either, stream};
use http::{Extensions, HeaderMap};
use tacita_connections::Stay;
use tacita_protocol::{id::PublisherId, time::Clock};
use tacita_tls::uri_names;
use tonic::{
    Request, Status,
    body::Body,
    server::NamedService,
    transport::server::{TcpConnectInfo, TlsConnectInfo},
};
use tower::Service;

use crate::{
    access::permission,
    auth::{authenticate, still_good},
    catalogue::{ApiKey, By, Catalogue, Principal},
    pool::Overload,
    refusal,
    registry::Registry,
};

/// How often an open stream looks whether its key has expired.
const LOOK: Duration = Duration::from_secs(1);

/// Asks the table.
#[derive(Clone)]
pub(crate) struct Guard {
    registry: Arc<Registry>,
    clock: Arc<dyn Clock>,
    /// Publishers show a certificate beside their key.
    certificates: bool,
}

/// Who calls, and may.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) principal: Principal,
    /// Whether its key may change anything, where its role may.
    pub(crate) may_change: bool,
    key: u32,
    guard: Guard,
}

/// A service behind the guard.
#[derive(Clone, Debug)]
pub(crate) struct Guarded<S> {
    service: S,
    guard: Guard,
}

impl Guard {
    pub(crate) fn new(registry: Arc<Registry>, clock: Arc<dyn Clock>, certificates: bool) -> Self {
        Self { registry, clock, certificates }
    }

    /// `service`, whose methods run only for those that the table admits.
    pub(crate) fn before<S>(&self, service: S) -> Guarded<S> {
        Guarded { service, guard: self.clone() }
    }

    /// Who calls the method at `path`; nobody in particular if it is open to everyone.
    fn admit(&self, path: &str, headers: &HeaderMap, connection: &Extensions) -> Result<Option<Caller>, Status> {
        // What is not in the table is open to nobody, whether there is such a method or not.
        let row = permission(path).ok_or_else(|| Status::unimplemented(format!("there is no method {path}")))?;
        if row.open {
            return Ok(None);
        }
        let catalogue = self.registry.snapshot();
        let key = authenticate(&catalogue, headers, self.clock.now())?;
        let (role, method) = (key.principal.role(), row.method);
        if row.admits(role, key.read_only) {
            self.check_certificate(&catalogue, key.principal, connection)?;
            // A simulation calls without one.
            if let Some(connection) = connection.get::<Stay>() {
                connection.admit(key.principal.tenant()).map_err(Overload)?;
            }
            let (principal, may_change) = (key.principal, !key.read_only);
            return Ok(Some(Caller { principal, may_change, key: key.id, guard: self.clone() }));
        }
        Err(match row.admits(role, false) {
            true => {
                let message = format!("this key is read-only and {method} makes a change: use another key");
                refusal::permission_denied("READ_ONLY_KEY", message)
            }
            false => {
                let (role, holders) = (role.name(), row.holders());
                let message =
                    format!("this is a key for the role {role}, which may not call {method}: use {holders} key");
                refusal::permission_denied("WRONG_ROLE", message)
            }
        })
    }
}

/// Where the collector asks for certificates, a publisher's key alone is not enough: the connection must be that publisher's too.
impl Guard {
    fn check_certificate(
        &self,
        catalogue: &Catalogue,
        principal: Principal,
        connection: &Extensions,
    ) -> Result<(), Status> {
        let Principal::Publisher(publisher) = principal else { return Ok(()) };
        if !self.certificates {
            return Ok(());
        }
        let name = catalogue.publisher(publisher).map_or("", |publisher| publisher.name.as_str());
        let wanted = format!("tacita://publisher/{name}");
        let shown = connection.get::<TlsConnectInfo<TcpConnectInfo>>().and_then(TlsConnectInfo::peer_certs);
        let (reason, problem) = match shown.as_deref().and_then(|chain| chain.first()) {
            Some(certificate) if uri_names(certificate).contains(&wanted) => return Ok(()),
            Some(_) => ("WRONG_CERTIFICATE", "the client certificate is another's"),
            None => ("CERTIFICATE_MISSING", "no client certificate"),
        };
        let message = format!("{problem}: show one whose subject alternative name is the URI {wanted}");
        Err(refusal::permission_denied(reason, message))
    }
}

impl Caller {
    /// The caller whom the guard let in.
    pub(crate) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let caller = request.extensions().get::<Self>().cloned();
        caller.ok_or_else(|| refusal::internal("a method was called past its guard"))
    }

    /// As the audit log names it.
    pub(crate) fn by(&self) -> By {
        By::ApiKey { number: self.key, principal: self.principal }
    }

    /// The publisher that calls a method which the table opens to publishers alone.
    pub(crate) fn publisher(&self) -> Result<PublisherId, Status> {
        match self.principal {
            Principal::Publisher(publisher) => Ok(publisher),
            _ => Err(refusal::internal("the table opened a publisher's method to others")),
        }
    }

    /// `stream` for as long as the key is good. Then its last item says why it ends.
    pub(crate) fn while_admitted<T>(
        self,
        stream: impl Stream<Item = Result<T, Status>> + Send + 'static,
    ) -> impl Stream<Item = Result<T, Status>> + Send + 'static
    where
        T: Send + 'static,
    {
        let open = (Box::pin(stream), Box::pin(self.key_ends()));
        stream::unfold(Some(open), |open| async move {
            let (mut stream, mut key_ends) = open?;
            tokio::select! {
                biased;
                why = &mut key_ends => Some((Err(why), None)),
                item = stream.next() => item.map(|item| (item, Some((stream, key_ends)))),
            }
        })
    }

    /// Waits until the key is revoked, here or at another collector, or expires.
    async fn key_ends(self) -> Status {
        let Guard { registry, clock, .. } = &self.guard;
        let mut news = registry.follow();
        loop {
            let catalogue = news.borrow_and_update().clone();
            let good = catalogue.api_key(self.key).map_or(Ok(()), |key: &ApiKey| still_good(key, clock.now()));
            if let Err(why) = good {
                return why;
            }
            // Also after an end of the news, which come as long as the registry stands: then the clock alone is looked at.
            tokio::select! {
                Ok(()) = news.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

impl<S, B> Service<http::Request<B>> for Guarded<S>
where
    S: Service<http::Request<B>, Response = http::Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<S::Future, Ready<Result<S::Response, S::Error>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        match self.guard.admit(request.uri().path(), request.headers(), request.extensions()) {
            Ok(caller) => {
                if let Some(caller) = caller {
                    request.extensions_mut().insert(caller);
                }
                Either::Left(self.service.call(request))
            }
            Err(refused) => Either::Right(ready(Ok(refused.into_http()))),
        }
    }
}

impl<S: NamedService> NamedService for Guarded<S> {
    const NAME: &'static str = S::NAME;
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guard")
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller(key {}, {:?})", self.key, self.principal)
    }
}
