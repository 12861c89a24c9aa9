//! What a device remembers of its own sharing: two bits for each length of windows, of the present window and the one before
//! (`spec/device.md`, §6).
//!
//! Kept for the measures of sharers' profiles, and where the manifest has none, not at all.

use serde::{Deserialize, Serialize};
use tacita_protocol::{
    channel::Channel,
    manifest::Manifest,
    measure::{Event, Measure},
    profile::Profile,
    time::{UnixTime, WindowId, WindowLength},
};

/// Where a device has shared, by window. A window in which it shared nowhere that can be told is not listed.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct SharingMemory(Vec<Window>);

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Window {
    length: WindowLength,
    window: WindowId,
    profile: Profile,
}

/// Where this device has shared in one window, as it remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SharingLine {
    /// When the window begins.
    pub from: UnixTime,
    /// When it ends, exclusive.
    pub to: UnixTime,
    /// Where.
    pub profile: Profile,
}

impl SharingMemory {
    /// Remembers a share, once for each length of windows that `manifest` has profiles of.
    pub(crate) fn note(&mut self, channel: Channel, manifest: &Manifest, now: UnixTime) {
        self.forget(manifest, now);
        let mut lengths: Vec<WindowLength> = Vec::new();
        for length in profile_lengths(manifest) {
            if !lengths.contains(&length) {
                lengths.push(length);
            }
        }
        for length in lengths {
            let window = length.window_at(now);
            let profile = self.profile(length, window).with_share_to(channel);
            self.0.retain(|one| (one.length, one.window) != (length, window));
            if profile != Profile::default() {
                self.0.push(Window { length, window, profile });
            }
        }
    }

    /// Forgets all but the present window and the one before, and lengths that no measure has any more.
    pub(crate) fn forget(&mut self, manifest: &Manifest, now: UnixTime) {
        self.0.retain(|one| one.is_fresh(now) && profile_lengths(manifest).any(|length| length == one.length));
    }

    /// The profile over the window before the present one of `measure`.
    pub(crate) fn before(&self, measure: &Measure, now: UnixTime) -> Profile {
        let present = measure.window.window_at(now);
        present.0.checked_sub(1).map_or_else(Profile::default, |before| self.profile(measure.window, WindowId(before)))
    }

    /// What is remembered at `now`.
    pub(crate) fn lines(&self, now: UnixTime) -> Vec<SharingLine> {
        let line = |one: &Window| SharingLine {
            from: one.length.start_of(one.window),
            to: one.length.end_of(one.window),
            profile: one.profile,
        };
        self.0.iter().filter(|one| one.is_fresh(now)).map(line).collect()
    }

    fn profile(&self, length: WindowLength, window: WindowId) -> Profile {
        let found = self.0.iter().find(|one| (one.length, one.window) == (length, window));
        found.map_or_else(Profile::default, |one| one.profile)
    }
}

impl Window {
    fn is_fresh(&self, now: UnixTime) -> bool {
        let present = self.length.window_at(now);
        self.window == present || self.window.0.checked_add(1) == Some(present.0)
    }
}

/// The lengths of the windows of which `manifest` has profiles.
fn profile_lengths(manifest: &Manifest) -> impl Iterator<Item = WindowLength> {
    let of_profiles = |measure: &&Measure| measure.event == Event::SharerProfile;
    manifest.measures.iter().filter(of_profiles).map(|measure| measure.window)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use tacita_dp::Epsilon;
    use tacita_protocol::{
        domain::Domain,
        id::{CampaignId, MeasureId, PublisherId},
        manifest::DevicePolicy,
        measure::Participation,
    };

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        vectors: Vec<Vector>,
    }

    #[derive(Deserialize)]
    struct Vector {
        name: String,
        window_seconds: Vec<u32>,
        steps: Vec<Step>,
    }

    #[derive(Deserialize)]
    struct Step {
        at: u64,
        share: Option<String>,
        /// Of each length, at the beginning of a session.
        profiles: Option<Vec<String>>,
        remembered: Option<Vec<(u64, u64, String)>>,
    }

    fn measure(id: u32, event: Event, seconds: u32) -> Measure {
        let epsilon = Epsilon::from_micro(1_000_000).unwrap();
        Measure {
            id: MeasureId(id),
            campaign: CampaignId(1),
            name: format!("measure-{id}").parse().unwrap(),
            event,
            participation: Participation::Event,
            domain: Domain::new(Domain::default_dimensions(event), epsilon).unwrap(),
            epsilon,
            window: seconds.try_into().unwrap(),
        }
    }

    fn manifest(measures: Vec<Measure>) -> Manifest {
        let policy = DevicePolicy::default();
        Manifest { publisher: PublisherId(1), revision: 1, epochs: vec![], measures, campaigns: vec![], policy }
    }

    #[test]
    fn profiles_are_those_of_the_vectors() {
        let vectors: Vectors = serde_json::from_str(include_str!("../../../spec/vectors/profile.json")).unwrap();
        for Vector { name, window_seconds, steps } in vectors.vectors {
            let of_length = |(id, &seconds)| measure(id, Event::SharerProfile, seconds);
            let manifest = manifest((1..).zip(&window_seconds).map(of_length).collect());
            let mut memory = SharingMemory::default();
            for Step { at, share, profiles, remembered } in steps {
                let now = UnixTime(at);
                if let Some(channel) = share {
                    memory.note(channel.parse().unwrap(), &manifest, now);
                }
                if let Some(profiles) = profiles {
                    let told = manifest.measures.iter().map(|one| memory.before(one, now).label());
                    assert_eq!(told.collect::<Vec<_>>(), profiles, "{name}, at {at}");
                }
                if let Some(remembered) = remembered {
                    let mut lines: Vec<_> = memory.lines(now).iter().map(told).collect();
                    lines.sort();
                    assert_eq!(lines, remembered, "{name}, at {at}");
                }
            }
        }
    }

    fn told(line: &SharingLine) -> (u64, u64, String) {
        (line.from.0, line.to.0, line.profile.label().to_owned())
    }

    #[test]
    fn nothing_is_kept_that_no_measure_asks_for() {
        let now = UnixTime(1_000_000);
        let whatsapp = "whatsapp".parse().unwrap();
        let asking = manifest(vec![measure(1, Event::SharerProfile, 86_400)]);
        let others = manifest(vec![measure(1, Event::Share, 86_400), measure(2, Event::SharerProfile, 3_600)]);
        let mut memory = SharingMemory::default();
        memory.note(whatsapp, &manifest(vec![measure(1, Event::Share, 86_400)]), now);
        assert!(memory.0.is_empty());
        memory.note(whatsapp, &asking, now);
        assert_eq!(memory.0.len(), 1);
        memory.forget(&others, now);
        assert!(memory.0.is_empty());
        memory.note(whatsapp, &asking, now);
        memory.forget(&asking, now.plus(86_400));
        assert_eq!(memory.0.len(), 1);
        memory.forget(&asking, now.plus(2 * 86_400));
        assert!(memory.0.is_empty());
    }
}
