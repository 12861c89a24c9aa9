//! One visit of a person: how they came, what they shared, whether they converted.

use std::{borrow::Cow, fmt, sync::Arc};

use tacita_protocol::{
    arrival::{Arrival, Evidence, Visitor, classify},
    channel::Channel,
    domain::Dimension,
    id::CampaignId,
    manifest::Manifest,
    measure::{Event, Measure, Participation},
    profile::Profile,
    tag::{LinkTag, TagStyle},
};

use crate::{
    ClientError, Device, Occurrence, Recorded,
    device::Inner,
    edition::Edition,
    slots::Moment,
    state::{DeviceState, OpenSession},
};

/// Name of the dimension that holds cohorts.
const COHORT: &str = "cohort";

/// Who came.
#[derive(Debug)]
pub enum Visit {
    /// A person, from elsewhere: a session has begun.
    Person(Session),
    /// A person, from another page of the same site: no arrival, nothing is measured.
    Internal,
    /// A robot that makes a link preview. Nothing is measured.
    Preview(Option<Channel>),
    /// Another robot. Nothing is measured.
    Robot,
    /// Whoever it is, this device has opted out. Nothing is measured.
    OptedOut,
}

/// One visit of a person. Its session slots close with it: with [`close`](Self::close), when it is dropped, or, after a
/// crash, when the device is next opened.
pub struct Session {
    inner: Arc<Inner>,
    id: u64,
    page: String,
    arrival: Arrival,
    opened: Recorded,
    closed: bool,
}

/// What [`Session::share`] gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shared {
    /// The page's link for each campaign; empty if the page has no web address.
    pub links: Vec<CampaignLink>,
    /// What was answered, before noise.
    pub recorded: Recorded,
}

/// A page's link, tagged for a campaign.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CampaignLink {
    /// The campaign.
    pub campaign: CampaignId,
    /// The address to share: the same for everyone who shares the page to that channel at that generation.
    pub link: String,
}

impl Device {
    /// Classifies a visit, and for a person from elsewhere begins a session: answers the arrival measures, those of reach
    /// and of sharers' profiles if it is the device's first session of their window, and opens the session slots.
    ///
    /// The config's landing pages are used where the evidence names none.
    ///
    /// # Errors
    /// [`ClientError::NoManifest`], [`ClientError::NoActiveEpoch`], [`ClientError::Full`], [`ClientError::Storage`].
    /// Nothing was recorded then.
    pub fn begin_session(&self, evidence: &Evidence<'_>) -> Result<Visit, ClientError> {
        let inner = &self.inner;
        let landing_pages = match evidence.landing_pages {
            [] => &*inner.config.landing_pages,
            pages => pages,
        };
        match classify(&Evidence { landing_pages, ..*evidence }) {
            Visitor::Person(arrival) => begin(inner, evidence.url, arrival),
            Visitor::Internal => Ok(Visit::Internal),
            Visitor::Preview(channel) => Ok(Visit::Preview(channel)),
            Visitor::Robot => Ok(Visit::Robot),
        }
    }
}

fn begin(inner: &Arc<Inner>, page: &str, arrival: Arrival) -> Result<Visit, ClientError> {
    let begun = inner.measure(|state, moment| {
        state.remember_arrival(&arrival, moment.edition.manifest(), moment.now);
        state.sharing.forget(moment.edition.manifest(), moment.now);
        let sharing = state.sharing.clone();
        let profile = |measure: &Measure| sharing.before(measure, moment.now);
        let opened = state.answer(moment, |measure| arrived(&arrival, measure, profile).map(Cow::Owned))?;
        Ok((state.begin_session(moment)?, opened))
    })?;
    Ok(begun.map_or(Visit::OptedOut, |(id, opened)| {
        let (inner, page) = (Arc::clone(inner), page.to_owned());
        Visit::Person(Session { inner, id, page, arrival, opened, closed: false })
    }))
}

impl Session {
    /// How the person came. Stays on the device.
    pub fn arrival(&self) -> &Arrival {
        &self.arrival
    }

    /// What was answered when the session began, before noise.
    pub fn opened(&self) -> &Recorded {
        &self.opened
    }

    /// The page was shared to `channel`. Gives the tagged links to share.
    ///
    /// Measures of shared contents are answered too, with `other`: nobody says which content it was. Where the application
    /// knows, use [`share_content`](Self::share_content).
    ///
    /// Measures with a slot per event are answered now. Those with a slot per session hold the session's last share until
    /// it closes.
    ///
    /// # Errors
    /// As [`Device::record`].
    pub fn share(&self, channel: Channel) -> Result<Shared, ClientError> {
        self.shared(None, channel)
    }

    /// The content with this id, as the measure's creator listed it, was shared to `channel`; else as [`share`](Self::share).
    ///
    /// # Errors
    /// As [`Device::record`].
    pub fn share_content(&self, content: &str, channel: Channel) -> Result<Shared, ClientError> {
        self.shared(Some(content), channel)
    }

    fn shared(&self, content: Option<&str>, channel: Channel) -> Result<Shared, ClientError> {
        let remember = |state: &mut DeviceState, moment: &Moment<'_>| {
            state.sharing.note(channel, moment.edition.manifest(), moment.now);
        };
        let recorded = self.happened(remember, |_, _, measure| {
            let tag = self.tag(measure.campaign, channel);
            let is_share = matches!(measure.event, Event::Share | Event::ContentShare);
            let occurrence = is_share.then(|| tagged(Occurrence::new(measure.event), &tag))?;
            Some(match content {
                Some(content) => occurrence.label(Dimension::CONTENT, content),
                None => occurrence,
            })
        })?;
        let edition = self.inner.edition();
        let links = edition.map_or_else(Vec::new, |edition| self.links(edition.manifest(), channel));
        Ok(Shared { links, recorded })
    }

    /// The person converted, for `value` if it has one. It is credited to the last remembered arrival of each campaign.
    ///
    /// # Errors
    /// As [`Device::record`].
    pub fn convert(&self, value: Option<f64>) -> Result<Recorded, ClientError> {
        self.happened(
            |_, _| {},
            |state, moment, measure| {
                let channel = state.attributed(measure.campaign, moment.now);
                let converted = Occurrence { value, ..Occurrence::new(Event::Conversion) };
                (measure.event == Event::Conversion).then(|| converted.label(Dimension::CHANNEL, channel))
            },
        )
    }

    /// The visit is over: the session slots are answered, with `none` where nothing happened.
    ///
    /// # Errors
    /// [`ClientError::Storage`]; the slots are then closed when the device is next opened.
    pub fn close(mut self) -> Result<Recorded, ClientError> {
        self.finish()
    }

    /// The link of `page` for sharing it to `channel` in a campaign: a re-share of the link by which the person came, if
    /// that was the campaign's, else a first share.
    ///
    /// # Errors
    /// [`ClientError::UnknownCampaign`]; [`ClientError::Link`] if `page` is no absolute web address.
    pub fn tagged_link(&self, page: &str, campaign: CampaignId, channel: Channel) -> Result<String, ClientError> {
        let edition = self.inner.require_edition()?;
        if edition.manifest().campaign(campaign).is_none() {
            return Err(ClientError::UnknownCampaign(campaign));
        }
        Ok(self.tag(campaign, channel).append_to(page, TagStyle::Fragment)?)
    }

    fn links(&self, manifest: &Manifest, channel: Channel) -> Vec<CampaignLink> {
        let link = |campaign: CampaignId| {
            let link = self.tag(campaign, channel).append_to(&self.page, TagStyle::Fragment).ok()?;
            Some(CampaignLink { campaign, link })
        };
        manifest.campaigns.iter().filter_map(|campaign| link(campaign.id)).collect()
    }

    fn tag(&self, campaign: CampaignId, channel: Channel) -> LinkTag {
        let came_by = self.arrival.tag.filter(|tag| tag.campaign == campaign.0);
        let first = LinkTag { campaign: campaign.0, channel, cohort: 0, generation: 0 };
        came_by.map_or(first, |tag| tag.reshare(channel))
    }

    /// Answers the event slots of what happened, and notes it in the session slots and in what the device `remember`s.
    fn happened(
        &self,
        remember: impl FnOnce(&mut DeviceState, &Moment<'_>),
        occurrence_of: impl Fn(&DeviceState, &Moment<'_>, &Measure) -> Option<Occurrence>,
    ) -> Result<Recorded, ClientError> {
        let recorded = self.inner.measure(|state, moment| {
            remember(state, moment);
            let occurred: Vec<_> = moment
                .edition
                .measures()
                .filter_map(|(measure, _)| Some((measure.id, occurrence_of(state, moment, measure)?)))
                .collect();
            state.note(self.id, moment.edition, &occurred);
            state.answer(moment, |measure| {
                let is_now = measure.participation == Participation::Event;
                let (_, occurrence) = occurred.iter().find(|(id, _)| is_now && *id == measure.id)?;
                Some(Cow::Borrowed(occurrence))
            })
        })?;
        Ok(recorded.unwrap_or_default())
    }

    fn finish(&mut self) -> Result<Recorded, ClientError> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(Recorded::default());
        }
        let has_slots = self.inner.read(|state| state.sessions.iter().any(|session| session.id == self.id));
        match self.inner.edition().filter(|_| has_slots) {
            Some(edition) => self.inner.update(|state| state.close_session(&edition, self.id)),
            None => Ok(Recorded::default()),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What fails here is made good when the device is next opened.
        let _ = self.finish();
    }
}

impl fmt::Debug for Session {
    /// Not how the person came.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("id", &self.id).finish_non_exhaustive()
    }
}

impl DeviceState {
    /// Opens the session slots, and numbers the session.
    fn begin_session(&mut self, moment: &Moment<'_>) -> Result<u64, ClientError> {
        let id = self.next_session;
        self.next_session = id.saturating_add(1);
        let measures = || moment.edition.measures().filter(|(measure, _)| is_answered_at_close(measure));
        self.make_room(measures().count(), moment.now)?;
        let slots = measures().map(|(measure, _)| self.open_slot(moment, measure)).collect::<Result<Vec<_>, _>>()?;
        if !slots.is_empty() {
            self.sessions.push(OpenSession { id, slots });
        }
        Ok(id)
    }

    /// Puts what occurred in the open slots of a session.
    fn note(&mut self, id: u64, edition: &Edition, occurred: &[(tacita_protocol::id::MeasureId, Occurrence)]) {
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else { return };
        for slot in &mut session.slots {
            let occurrence = occurred.iter().find(|(measure, _)| *measure == slot.measure);
            if let (Some((_, occurrence)), Some((measure, _))) = (occurrence, edition.measure(slot.measure)) {
                slot.answer_with(occurrence, edition, measure);
            }
        }
    }

    /// Answers the session's slots with what they hold. A measure that was withdrawn meanwhile is answered to nobody.
    pub(crate) fn close_session(&mut self, edition: &Edition, id: u64) -> Result<Recorded, ClientError> {
        let mut recorded = Recorded::default();
        let Some(index) = self.sessions.iter().position(|session| session.id == id) else { return Ok(recorded) };
        let session = self.sessions.swap_remove(index);
        for slot in &session.slots {
            match edition.measure(slot.measure) {
                Some((_, mechanism)) => recorded.answers.push(self.close_slot(mechanism, slot)?),
                None => self.expired += 1,
            }
        }
        Ok(recorded)
    }
}

fn is_answered_at_close(measure: &Measure) -> bool {
    let is_answered_at_once = measure.event == Event::Arrival || measure.event.is_once_per_window();
    measure.participation == Participation::Session && !is_answered_at_once
}

/// The arrival as an occurrence for a measure of arrivals or of devices.
fn arrived(arrival: &Arrival, measure: &Measure, profile: impl Fn(&Measure) -> Profile) -> Option<Occurrence> {
    let occurrence = match measure.event {
        Event::Arrival | Event::Reach => Occurrence::new(measure.event)
            .label(Dimension::CHANNEL, arrival.channel.name())
            .label(Dimension::GRADE, arrival.grade.name()),
        Event::SharerProfile => Occurrence::new(measure.event).label(Dimension::PROFILE, profile(measure).label()),
        _ => return None,
    };
    // Generation and cohort are a campaign's own: its measures alone hear of them.
    Some(match arrival.tag.filter(|tag| tag.campaign == measure.campaign.0) {
        Some(tag) => tagged(occurrence, &tag),
        None => occurrence,
    })
}

fn tagged(occurrence: Occurrence, tag: &LinkTag) -> Occurrence {
    occurrence
        .label(Dimension::CHANNEL, tag.channel.name())
        .label(Dimension::GENERATION, tag.generation.to_string())
        .label(COHORT, tag.cohort.to_string())
}
