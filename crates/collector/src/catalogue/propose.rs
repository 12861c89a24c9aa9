//! What may be done: each function checks one wish against the catalogue and turns it into the change that grants it.

use tacita_proto::v1;
use tacita_protocol::{
    catalogue::{CatalogueRef, Contents},
    domain::Domain,
    epoch::{EpochId, EpochState},
    id::{CampaignId, CampaignName, MeasureId, Name, PublisherId},
    manifest::DevicePolicy,
    measure::{Event, Measure},
    time::{UnixTime, WindowLength},
};

use super::{
    Catalogue, Change, Declaration, NewApiKey, NewCampaign, NewMeasure, Principal, Refused, Rules, manifest::FORM,
    next_number,
};
use crate::pool::Limit;

/// How long a tagged arrival is remembered when a campaign does not say.
const DEFAULT_ATTRIBUTION: u32 = 7 * 86_400;
/// The longest that a device may be asked to remember one.
const MAX_ATTRIBUTION: Limit = Limit { name: "attribution_seconds", value: 90 * 86_400 };
/// The longest that a key may last which expires: 10 years.
const MAX_KEY_SECONDS: Limit = Limit { name: "valid_seconds", value: 3_652 * 86_400 };

impl Catalogue {
    pub(crate) fn propose_publisher(&self, name: &str) -> Result<Change, Refused> {
        let name = parse_name(name)?;
        if self.publisher_named(name.as_str()).is_some() {
            return Err(Refused::Taken { what: "publisher", name: name.to_string() });
        }
        Ok(Change::PublisherCreated { id: PublisherId(next_number(&self.publishers)), name })
    }

    pub(crate) fn propose_brand(&self, name: &str) -> Result<Change, Refused> {
        let name = parse_name(name)?;
        if self.brand_named(name.as_str()).is_some() {
            return Err(Refused::Taken { what: "brand", name: name.to_string() });
        }
        Ok(Change::BrandCreated { id: tacita_protocol::id::BrandId(next_number(&self.brands)), name })
    }

    pub(crate) fn propose_campaign(&self, wish: &NewCampaign<'_>, rules: &Rules) -> Result<Change, Refused> {
        let brand =
            self.brand_named(wish.brand).ok_or_else(|| Refused::unknown("brand", "brand", wish.brand, CREATE_BRAND))?;
        let name = CampaignName { brand: brand.name.clone(), campaign: parse_name(wish.name)? };
        if self.campaign_named(&name).is_some() {
            return Err(Refused::Taken { what: "campaign", name: name.to_string() });
        }
        Ok(Change::CampaignCreated {
            id: CampaignId(next_number(&self.campaigns)),
            brand: brand.id,
            name: name.campaign,
            publishers: self.publishers_named(wish.publishers)?,
            attribution_seconds: attribution(wish.attribution_seconds)?,
            policy: rules.campaign.tightened(&wish.policy).map_err(|broken| Refused::broken("policy", broken))?,
        })
    }

    /// What a brand says of its campaign, at most `a_day` times on one day; [`Refused::AlreadySo`] when it said so before.
    pub(crate) fn propose_declaration(
        &self,
        campaign: CampaignId,
        said: &Declaration,
        now: UnixTime,
        a_day: usize,
    ) -> Result<Change, Refused> {
        let day = now.0 / 86_400;
        let known = self.campaign(campaign);
        if known.is_some_and(|campaign| *campaign.declaration == *said) {
            return Err(Refused::AlreadySo);
        }
        match known.is_some_and(|campaign| campaign.declared.times_on(day) >= a_day) {
            true => Err(Refused::TooOften(Limit { name: "declarations_per_day", value: a_day })),
            false => Ok(Change::DeclarationMade { campaign, day, declaration: Box::new(said.clone()) }),
        }
    }

    fn publishers_named(&self, names: &[String]) -> Result<Vec<PublisherId>, Refused> {
        if names.is_empty() {
            return Err(Refused::field("publishers", "name at least one"));
        }
        let find = |name: &String| {
            let found = self.publisher_named(name).map(|publisher| publisher.id);
            found.ok_or_else(|| Refused::unknown("publishers", "publisher", name, CREATE_PUBLISHER))
        };
        let mut publishers = names.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        publishers.sort_unstable();
        publishers.dedup();
        match publishers.len() == names.len() {
            true => Ok(publishers),
            false => Err(Refused::field("publishers", "a name stands twice: name each publisher once")),
        }
    }

    /// Contents for a measure to be over; [`Refused::AlreadySo`] when they are listed already.
    pub(crate) fn propose_contents(&self, contents: &Contents) -> Result<Change, Refused> {
        let digest = contents.catalogue().digest();
        match self.contents(digest) {
            Some(_) => Err(Refused::AlreadySo),
            None => Ok(Change::ContentsListed { digest, ids: contents.ids().to_vec() }),
        }
    }

    /// A measure over listed contents, or over `wish.contents`, which are to be listed before it.
    pub(crate) fn propose_measure(&self, wish: NewMeasure<'_>, rules: &Rules) -> Result<Change, Refused> {
        let name: CampaignName = wish.campaign.parse().map_err(|error| Refused::field("campaign", error))?;
        let campaign = self
            .campaign_named(&name)
            .ok_or_else(|| Refused::unknown("campaign", "campaign", wish.campaign, CREATE_CAMPAIGN))?;
        // What the collector allowed when the campaign was made, and what it allows now.
        let (campaign, policy) = (campaign.id, campaign.policy.and(rules.campaign));
        let wire = v1::Measure { id: next_number(&self.measures), campaign: campaign.0, ..wish.wire };
        let measure = Measure::try_from(&with_defaults(wire)).map_err(Refused::measure)?;
        policy.check_epsilon(measure.epsilon).map_err(|broken| Refused::broken("epsilon_micro", broken))?;
        wish.cohorts.check(&measure, policy.people_per_cohort)?;
        self.check_contents(measure.domain.catalogue(), wish.contents)?;
        if self.measures_of(campaign).any(|counted| counted.measure.name == measure.name) {
            return Err(Refused::Taken { what: "measure", name: format!("{name}/{}", measure.name) });
        }
        if self.measures_of(campaign).count() >= rules.measures_per_campaign {
            let limit = rules.measures_per_campaign;
            let problem = format!("campaign '{name}' has {limit} measures, the most it may: begin another campaign");
            let limit = Limit { name: "measures_per_campaign", value: limit };
            return Err(Refused::Beyond { field: "campaign", limit, problem });
        }
        debug_assert_eq!(measure.id, MeasureId(next_number(&self.measures)));
        Ok(Change::MeasureCreated(Box::new(measure)))
    }

    fn check_contents(&self, named: Option<&CatalogueRef>, offered: Option<&Contents>) -> Result<(), Refused> {
        let Some(named) = named else { return Ok(()) };
        let listed = self.contents(named.digest).map(|contents| &**contents);
        let has_that_size = |contents: &Contents| contents.reference(named.tail) == *named;
        match [listed, offered].into_iter().flatten().any(has_that_size) {
            true => Ok(()),
            false => Err(Refused::field("dimensions", "no contents of this digest and number are listed: give them")),
        }
    }

    /// Whom a key for `role` and `subject` (a name; empty for an operator or auditor) stands for.
    pub(crate) fn resolve_principal(&self, role: v1::Role, subject: &str) -> Result<Principal, Refused> {
        match role {
            v1::Role::Unspecified => Err(Refused::field("role", "choose operator, publisher, brand or auditor")),
            v1::Role::Operator | v1::Role::Auditor if !subject.is_empty() => {
                Err(Refused::field("subject", "an operator's or auditor's key has none: leave it empty"))
            }
            v1::Role::Operator => Ok(Principal::Operator),
            v1::Role::Auditor => Ok(Principal::Auditor),
            v1::Role::Publisher => match self.publisher_named(subject) {
                Some(publisher) => Ok(Principal::Publisher(publisher.id)),
                None => Err(Refused::unknown("subject", "publisher", subject, CREATE_PUBLISHER)),
            },
            v1::Role::Brand => match self.brand_named(subject) {
                Some(brand) => Ok(Principal::Brand(brand.id)),
                None => Err(Refused::unknown("subject", "brand", subject, CREATE_BRAND)),
            },
        }
    }

    /// The number that the next API key will have; part of its text.
    pub(crate) fn next_api_key(&self) -> u32 {
        next_number(&self.api_keys)
    }

    /// A key numbered `id`; [`Refused::AlreadySo`] when that number is taken, and the key's text must be made anew.
    pub(crate) fn propose_api_key(&self, id: u32, wish: &NewApiKey) -> Result<Change, Refused> {
        let NewApiKey { principal, hash, created_at, read_only, valid_seconds } = *wish;
        if self.next_api_key() != id {
            return Err(Refused::AlreadySo);
        }
        if read_only && matches!(principal, Principal::Publisher(_)) {
            return Err(Refused::field("read_only", "a relay uploads: a publisher's key is never read-only"));
        }
        if valid_seconds > MAX_KEY_SECONDS.value as u64 {
            let problem = format!("{valid_seconds} s: at most {} (10 years), or 0 for no end", MAX_KEY_SECONDS.value);
            return Err(Refused::Beyond { field: "valid_seconds", limit: MAX_KEY_SECONDS, problem });
        }
        let expires_at = (valid_seconds > 0).then(|| created_at.plus(valid_seconds));
        Ok(Change::ApiKeyCreated { id, principal, hash, created_at, read_only, expires_at })
    }

    pub(crate) fn propose_revocation(&self, id: u32) -> Result<Change, Refused> {
        let key = self.api_key(id).ok_or_else(|| Refused::unknown("id", "API key", &id.to_string(), LIST_KEYS))?;
        if key.revoked {
            return Err(Refused::AlreadySo);
        }
        if key.administers() && !self.api_keys.iter().any(|other| other.administers() && other.id != id) {
            let problem = "id: this is the last operator's key that may change things and does not expire, without it \
                           nobody could administer: create another first";
            return Err(Refused::Precondition(problem.into()));
        }
        Ok(Change::ApiKeyRevoked { id })
    }

    /// A share of at most `share` tokens of the publisher's quota for one collector; the last one is what is left.
    pub(crate) fn propose_tokens(
        &self,
        publisher: PublisherId,
        epoch: EpochId,
        share: u64,
        quota: u64,
    ) -> Result<Change, Refused> {
        let taken = self.tokens_set_aside.get(&(publisher, epoch)).copied().unwrap_or(0);
        match share.min(quota.saturating_sub(taken)) {
            0 => Err(Refused::Quota { quota, epoch }),
            tokens => Ok(Change::TokensSetAside { publisher, epoch, tokens }),
        }
    }

    /// The change that makes `policy` the policy of all manifests, and this program's form theirs, unless it is so.
    pub(crate) fn propose_device_policy(&self, policy: DevicePolicy) -> Result<Change, Refused> {
        if self.device_policy == Some(policy) && self.form == FORM {
            return Err(Refused::AlreadySo);
        }
        let DevicePolicy { token_batch, ledger_bound_micro } = policy;
        Ok(Change::DevicePolicySet { token_batch, ledger_bound_micro, form: FORM })
    }

    /// Ends the active epoch at `now`, when the one after it is published.
    pub(crate) fn propose_rotation(&self, now: UnixTime, grace_seconds: u64) -> Result<Change, Refused> {
        let active = self.epochs.iter().find(|epoch| epoch.state(now) == EpochState::Active);
        let active =
            active.ok_or_else(|| Refused::Precondition("no epoch is active: there is nothing to end".into()))?;
        let epoch: EpochId = active.entry.epoch;
        if self.epoch(epoch.next()).is_none() {
            return Err(Refused::Precondition("the next epoch is not published yet: try again in a minute".into()));
        }
        Ok(Change::EpochEnded { epoch, at: now, closes_at: now.plus(grace_seconds) })
    }
}

const CREATE_BRAND: &str = "create it with CreateBrand, or list those there are with ListBrands";
const CREATE_PUBLISHER: &str = "create it with CreatePublisher, or list those there are with ListPublishers";
const CREATE_CAMPAIGN: &str = "create it with CreateCampaign";
const LIST_KEYS: &str = "list those there are with ListApiKeys";

fn parse_name(name: &str) -> Result<Name, Refused> {
    name.parse().map_err(|error| Refused::field("name", error))
}

fn attribution(seconds: u32) -> Result<u32, Refused> {
    match seconds {
        0 => Ok(DEFAULT_ATTRIBUTION),
        seconds if seconds as usize <= MAX_ATTRIBUTION.value => Ok(seconds),
        seconds => Err(Refused::Beyond {
            field: "attribution_seconds",
            limit: MAX_ATTRIBUTION,
            problem: format!("{seconds} s: at most {} (90 days), or 0 for 7 days", MAX_ATTRIBUTION.value),
        }),
    }
}

/// Fills in what the wish left open.
fn with_defaults(mut wire: v1::Measure) -> v1::Measure {
    if wire.window_seconds == 0 {
        wire.window_seconds = WindowLength::DAY.seconds();
    }
    let event = v1::Event::try_from(wire.event).ok().and_then(|event| Event::try_from(event).ok());
    if let Some(event) = event {
        wire.dimensions = Domain::with_default_dimensions(event, wire.dimensions);
    }
    wire
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Cohorts;

    static NO_COHORTS: Cohorts = Cohorts { sizes: Vec::new(), reports_per_window: 0 };

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue::default();
        for name in ["daily-news", "weekly-news"] {
            let change = catalogue.propose_publisher(name).unwrap();
            catalogue.take_in(change).unwrap();
        }
        let change = catalogue.propose_brand("acme").unwrap();
        catalogue.take_in(change).unwrap();
        let publishers = ["weekly-news".to_owned()];
        let wish = NewCampaign {
            brand: "acme",
            name: "spring",
            publishers: &publishers,
            attribution_seconds: 0,
            policy: <_>::default(),
        };
        let change = catalogue.propose_campaign(&wish, &Rules::default()).unwrap();
        catalogue.take_in(change).unwrap();
        catalogue
    }

    fn measure(change: fn(&mut v1::Measure)) -> NewMeasure<'static> {
        let mut wire = v1::Measure {
            name: "arrivals".into(),
            event: v1::Event::Arrival.into(),
            epsilon_micro: 2_000_000,
            ..Default::default()
        };
        change(&mut wire);
        NewMeasure { campaign: "acme/spring", wire, contents: None, cohorts: &NO_COHORTS }
    }

    fn refusal(wish: NewMeasure<'_>) -> String {
        catalogue().propose_measure(wish, &Rules::default()).unwrap_err().to_string()
    }

    #[test]
    fn names_are_unique_and_well_formed() {
        let catalogue = catalogue();
        assert!(matches!(catalogue.propose_publisher("daily-news"), Err(Refused::Taken { .. })));
        assert!(matches!(catalogue.propose_brand("acme"), Err(Refused::Taken { .. })));
        assert!(matches!(catalogue.propose_brand("Acme!"), Err(Refused::Field { field: "name", .. })));
    }

    #[test]
    fn a_campaign_names_a_known_brand_and_known_publishers_once() {
        let catalogue = catalogue();
        let refusal = |brand: &str, name: &str, publishers: &[&str], attribution_seconds| {
            let publishers: Vec<String> = publishers.iter().map(|&name| name.to_owned()).collect();
            let wish =
                NewCampaign { brand, name, publishers: &publishers, attribution_seconds, policy: <_>::default() };
            catalogue.propose_campaign(&wish, &Rules::default()).unwrap_err().to_string()
        };
        assert!(refusal("nobody", "x", &["daily-news"], 0).starts_with("brand: "));
        assert!(refusal("acme", "spring", &["daily-news"], 0).starts_with("name: "));
        assert!(refusal("acme", "x", &[], 0).starts_with("publishers: "));
        assert!(refusal("acme", "x", &["nobody"], 0).starts_with("publishers: "));
        assert!(refusal("acme", "x", &["daily-news", "daily-news"], 0).starts_with("publishers: "));
        assert!(refusal("acme", "x", &["daily-news"], u32::MAX).starts_with("attribution_seconds: "));
    }

    #[test]
    fn each_bad_field_of_a_measure_is_named() {
        assert!(refusal(measure(|m| m.name = "Two Words".into())).starts_with("name: "));
        assert!(refusal(measure(|m| m.event = 0)).starts_with("event: "));
        assert!(refusal(measure(|m| m.epsilon_micro = 0)).starts_with("epsilon_micro: "));
        assert!(refusal(measure(|m| m.epsilon_micro = 6_000_001)).contains("rule report-epsilon: choose 6 or less"));
        assert!(refusal(measure(|m| m.window_seconds = 1)).starts_with("window_seconds: "));
        assert!(refusal(NewMeasure { campaign: "acme", ..measure(|_| ()) }).starts_with("campaign: "));
        assert!(refusal(NewMeasure { campaign: "acme/x", ..measure(|_| ()) }).starts_with("campaign: "));
    }

    #[test]
    fn a_campaign_has_a_limited_number_of_measures_of_different_names() {
        let mut catalogue = catalogue();
        let policy = Rules { measures_per_campaign: 1, ..Rules::default() };
        let change = catalogue.propose_measure(measure(|_| ()), &policy).unwrap();
        catalogue.take_in(change).unwrap();
        assert!(matches!(catalogue.propose_measure(measure(|_| ()), &policy), Err(Refused::Taken { .. })));
        let another = measure(|m| m.name = "more".into());
        assert!(matches!(catalogue.propose_measure(another, &policy), Err(Refused::Beyond { .. })));
    }

    #[test]
    fn only_publishers_of_the_campaign_take_part_in_its_measures() {
        let mut catalogue = catalogue();
        let change = catalogue.propose_measure(measure(|_| ()), &Rules::default()).unwrap();
        catalogue.take_in(change).unwrap();
        assert!(catalogue.measure_for(PublisherId(2), MeasureId(1)).is_some());
        assert!(catalogue.measure_for(PublisherId(1), MeasureId(1)).is_none());
        assert!(catalogue.measure_for(PublisherId(2), MeasureId(0)).is_none());
        assert!(catalogue.manifest(PublisherId(1)).unwrap().measures.is_empty());
        assert_eq!(catalogue.manifest(PublisherId(2)).unwrap().measures.len(), 1);
    }

    fn over(contents: &Contents, name: &str, tail: u32) -> v1::Measure {
        let catalogue = Some((&contents.reference(tail)).into());
        let dimension = v1::Dimension { name: "content".into(), labels: vec![], catalogue };
        v1::Measure { name: name.into(), dimensions: vec![dimension], ..content_share() }
    }

    fn content_share() -> v1::Measure {
        v1::Measure { event: v1::Event::ContentShare.into(), ..measure(|_| ()).wire }
    }

    #[test]
    fn measures_share_contents_that_are_listed_once() {
        let mut catalogue = catalogue();
        let contents = contents_ab();
        let digest = contents.catalogue().digest();
        let policy = Rules::default();
        let wish = |name: &str, tail, contents| NewMeasure {
            campaign: "acme/spring",
            wire: over(&contents_ab(), name, tail),
            contents,
            cohorts: &NO_COHORTS,
        };
        assert!(matches!(
            catalogue.propose_measure(wish("one", 3, None), &policy),
            Err(Refused::Field { field: "dimensions", .. })
        ));
        let first = catalogue.propose_measure(wish("one", 3, Some(&contents)), &policy).unwrap();
        assert_eq!(catalogue.clone().take_in(first.clone()), Err("the measure's contents"));
        let listed = catalogue.propose_contents(&contents).unwrap();
        catalogue.take_in(listed).unwrap();
        assert_eq!(catalogue.propose_contents(&contents), Err(Refused::AlreadySo));
        catalogue.take_in(first).unwrap();
        let second = catalogue.propose_measure(wish("two", 0, None), &policy).unwrap();
        catalogue.take_in(second).unwrap();
        assert!(catalogue.contents_for(PublisherId(2), digest).is_some());
        assert!(catalogue.contents_for(PublisherId(1), digest).is_none(), "it takes no part");
        assert_eq!(catalogue.manifest(PublisherId(2)).unwrap().catalogues().len(), 1);
    }

    fn contents_ab() -> Contents {
        Contents::new(vec!["/a".into(), "/b".into()]).unwrap()
    }

    #[test]
    fn a_content_share_measure_names_its_contents() {
        let wish = NewMeasure { campaign: "acme/spring", wire: content_share(), contents: None, cohorts: &NO_COHORTS };
        assert!(refusal(wish).starts_with("contents: "));
    }

    #[test]
    fn the_shares_of_a_quota_add_up_to_it_and_change_no_manifest() {
        let mut catalogue = catalogue();
        let (publisher, epoch) = (PublisherId(1), EpochId(1));
        let times = [1, 2, 3].map(UnixTime);
        let key = tacita_tokens::EpochKey::generate(&mut rand::rngs::SysRng).unwrap().public_key().to_bytes();
        let published = Change::EpochPublished {
            epoch,
            public_key: key,
            starts_at: times[0],
            ends_at: times[1],
            closes_at: times[2],
        };
        catalogue.take_in(published).unwrap();
        let before = catalogue.manifest(publisher);
        let mut shares = Vec::new();
        while let Ok(change) = catalogue.propose_tokens(publisher, epoch, 40, 100) {
            let Change::TokensSetAside { tokens, .. } = change.clone() else { unreachable!() };
            shares.push(tokens);
            catalogue.take_in(change).unwrap();
        }
        assert_eq!(shares, [40, 40, 20]);
        assert_eq!(catalogue.manifest(publisher), before);
        assert!(
            catalogue.propose_tokens(PublisherId(2), epoch, 40, 100).is_ok(),
            "another publisher has a quota of its own"
        );
        catalogue.take_in(Change::EpochDestroyed { epoch }).unwrap();
        assert!(catalogue.tokens_set_aside.is_empty());
    }

    #[test]
    fn the_last_operator_key_cannot_be_revoked() {
        let mut catalogue = catalogue();
        // Those that cannot change things, or will not always, do not stand in for one that can.
        for (id, read_only, valid_seconds) in [(1, false, 0), (2, false, 0), (3, true, 0), (4, false, 60)] {
            let key = catalogue.propose_api_key(id, &NewApiKey { read_only, valid_seconds, ..OPERATOR }).unwrap();
            catalogue.take_in(key).unwrap();
        }
        let change = catalogue.propose_revocation(1).unwrap();
        catalogue.take_in(change).unwrap();
        assert_eq!(catalogue.propose_revocation(1), Err(Refused::AlreadySo));
        assert!(matches!(catalogue.propose_revocation(2), Err(Refused::Precondition(_))));
        assert!(catalogue.propose_revocation(3).is_ok());
        assert!(catalogue.propose_revocation(4).is_ok());
        assert!(matches!(catalogue.propose_revocation(5), Err(Refused::Unknown { .. })));
    }

    const OPERATOR: NewApiKey = NewApiKey {
        principal: Principal::Operator,
        hash: [0; 32],
        created_at: UnixTime(1_000),
        read_only: false,
        valid_seconds: 0,
    };

    #[test]
    fn a_key_expires_when_it_was_said_to_and_a_relays_key_can_write() {
        let catalogue = catalogue();
        let expires_at = |valid_seconds| match catalogue.propose_api_key(1, &NewApiKey { valid_seconds, ..OPERATOR }) {
            Ok(Change::ApiKeyCreated { expires_at, .. }) => Ok(expires_at),
            other => Err(other),
        };
        assert_eq!(expires_at(0), Ok(None));
        assert_eq!(expires_at(60), Ok(Some(UnixTime(1_060))));
        assert!(matches!(expires_at(u64::MAX), Err(Err(Refused::Beyond { field: "valid_seconds", .. }))));
        let relay = NewApiKey { principal: Principal::Publisher(PublisherId(1)), read_only: true, ..OPERATOR };
        assert!(matches!(catalogue.propose_api_key(1, &relay), Err(Refused::Field { field: "read_only", .. })));
    }
}
