//! Which arrival a conversion is credited to: the last one within the campaign's attribution time (`spec/device.md`, §6).
//!
//! Remembered first-party, as campaign and channel alone.

use tacita_protocol::{
    arrival::Arrival,
    channel::{Channel, Grade},
    id::CampaignId,
    manifest::{Manifest, ManifestCampaign},
    time::UnixTime,
};

use crate::state::{DeviceState, Touch};

/// The label of a conversion that no remembered arrival explains.
pub(crate) const UNATTRIBUTED: &str = "unattributed";

impl DeviceState {
    /// Remembers an arrival for the campaigns that it may be credited to.
    pub(crate) fn remember_arrival(&mut self, arrival: &Arrival, manifest: &Manifest, now: UnixTime) {
        self.touches.retain(|touch| touch.until > now);
        for campaign in manifest.campaigns.iter().filter(|campaign| concerns(arrival, campaign)) {
            let known = self.touches.iter().position(|touch| touch.campaign == campaign.id);
            // An inference explains a conversion only where nothing better does.
            if known.is_some() && arrival.grade == Grade::Inferred {
                continue;
            }
            if let Some(known) = known {
                self.touches.swap_remove(known);
            }
            let until = now.plus(u64::from(campaign.attribution_seconds));
            self.touches.push(Touch::new(campaign.id, arrival.channel, until));
        }
    }

    /// The channel that a conversion of `campaign` is credited to at `now`.
    pub(crate) fn attributed(&self, campaign: CampaignId, now: UnixTime) -> &'static str {
        let held = self.touches.iter().find(|touch| touch.campaign == campaign && touch.until > now);
        held.and_then(Touch::channel).map_or(UNATTRIBUTED, Channel::name)
    }
}

/// A tagged arrival concerns the campaign of its tag; any other with a channel concerns all; a direct one none.
fn concerns(arrival: &Arrival, campaign: &ManifestCampaign) -> bool {
    match arrival.tag {
        Some(tag) => tag.campaign == campaign.id.0,
        None => arrival.grade != Grade::Direct,
    }
}

#[cfg(test)]
mod tests {
    use tacita_protocol::{id::BrandId, id::PublisherId, manifest::DevicePolicy, policy::CampaignPolicy, tag::LinkTag};

    use super::*;

    const NOW: UnixTime = UnixTime(1_000_000);

    fn manifest() -> Manifest {
        let campaign = |id| ManifestCampaign {
            id: CampaignId(id),
            brand: BrandId(1),
            name: format!("campaign-{id}").parse().unwrap(),
            attribution_seconds: 100,
            policy: CampaignPolicy::default(),
        };
        Manifest {
            publisher: PublisherId(1),
            revision: 1,
            epochs: Vec::new(),
            measures: Vec::new(),
            campaigns: vec![campaign(1), campaign(2)],
            policy: DevicePolicy::default(),
        }
    }

    fn channel(name: &str) -> Channel {
        name.parse().unwrap()
    }

    fn tagged(campaign: u32, name: &str) -> Arrival {
        let tag = LinkTag { campaign, channel: channel(name), cohort: 0, generation: 0 };
        Arrival { channel: tag.channel, grade: Grade::Confirmed, tag: Some(tag) }
    }

    fn untagged(name: &str, grade: Grade) -> Arrival {
        Arrival { channel: channel(name), grade, tag: None }
    }

    /// Who is credited in both campaigns after these arrivals.
    fn credited(arrivals: &[Arrival], later: u64) -> [&'static str; 2] {
        let mut state = DeviceState::default();
        for arrival in arrivals {
            state.remember_arrival(arrival, &manifest(), NOW);
        }
        [1, 2].map(|campaign| state.attributed(CampaignId(campaign), NOW.plus(later)))
    }

    #[test]
    fn a_tag_is_credited_in_its_campaign_alone() {
        assert_eq!(credited(&[tagged(1, "whatsapp")], 0), ["whatsapp", UNATTRIBUTED]);
    }

    #[test]
    fn the_last_arrival_with_a_channel_is_credited() {
        let arrivals = [tagged(1, "whatsapp"), untagged("search", Grade::Referrer)];
        assert_eq!(credited(&arrivals, 0), ["search", "search"]);
    }

    #[test]
    fn direct_and_inferred_arrivals_displace_nothing() {
        let arrivals =
            [tagged(1, "whatsapp"), untagged("direct", Grade::Direct), untagged("inferred", Grade::Inferred)];
        assert_eq!(credited(&arrivals, 0), ["whatsapp", "inferred"]);
    }

    #[test]
    fn after_the_attribution_time_nothing_is_credited() {
        assert_eq!(credited(&[tagged(1, "whatsapp")], 99)[0], "whatsapp");
        assert_eq!(credited(&[tagged(1, "whatsapp")], 100)[0], UNATTRIBUTED);
    }
}
