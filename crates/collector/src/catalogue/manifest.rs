//! What a catalogue says to devices: the manifest of a publisher.

use tacita_protocol::{
    id::PublisherId,
    manifest::{Manifest, ManifestCampaign},
};

use super::{Campaign, Catalogue};

/// Which bytes manifests make of a log. Raised when this program says of the same log anything else than the one before
/// it: to relays and devices two manifests of one revision are a collector that lies.
///
/// It stands in the log with the device policy, so a collector with a new form begins a new revision with it, and one
/// that does not know the form refuses the log. Logs of before there were forms have 0.
pub(crate) const FORM: u32 = 1;

impl Catalogue {
    /// The manifest of a publisher. A function of the log alone, never of the clock: the same revision is always the
    /// same bytes, for every visitor and from every collector that reads the log.
    pub(crate) fn manifest(&self, publisher: PublisherId) -> Option<Manifest> {
        self.publisher(publisher)?;
        let campaigns: Vec<_> =
            self.campaigns.iter().filter(|c| c.publishers.binary_search(&publisher).is_ok()).collect();
        let measures = self.measures.iter().filter(|counted| self.takes_part(publisher, counted.measure.campaign));
        // One that closed before an older one stays listed, or the chain would have a hole.
        let epochs = self.epochs.iter().skip_while(|epoch| epoch.is_destroyed());
        Some(Manifest {
            publisher,
            revision: self.revision,
            epochs: epochs.map(|epoch| epoch.entry.clone()).collect(),
            measures: measures.map(|counted| counted.measure.clone()).collect(),
            campaigns: campaigns.into_iter().map(|campaign| campaign.for_manifest()).collect(),
            policy: self.device_policy.unwrap_or_default(),
        })
    }
}

impl Campaign {
    pub(crate) fn for_manifest(&self) -> ManifestCampaign {
        ManifestCampaign {
            id: self.id,
            brand: self.brand,
            name: self.name.clone(),
            attribution_seconds: self.attribution_seconds,
            policy: self.policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use sha2::{Digest as _, Sha256};
    use tacita_dp::Epsilon;
    use tacita_proto::v1;
    use tacita_protocol::{
        catalogue::Contents,
        domain::{Dimension, Domain, Values},
        id::{CampaignId, MeasureId},
        manifest::DevicePolicy,
        measure::{Event, Measure, Participation},
        time::WindowLength,
    };

    use super::*;
    use crate::catalogue::{Change, LogFault, Refused};

    /// A ristretto255 point: the base point, as good as any.
    const POINT: &str = "e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76";

    /// A log of before there were forms, with something of everything that manifests say.
    fn early() -> Catalogue {
        let epoch = r#""epoch": 1, "starts_at": 0, "ends_at": 604800, "closes_at": 777600"#;
        let fields = r#""id": 1, "campaign": 1, "name": "shares", "event": "share", "participation": "session""#;
        let channel = r#"{"name": "channel", "labels": ["sms", "other"]}"#;
        let device = r#""report_epsilon_micro": 2, "device_epsilon_micro": 3"#;
        let policy = format!(r#"{{{device}, "people_per_cohort": 60, "reports_per_window": 5}}"#);
        let campaign = r#""brand": 1, "publishers": [1], "attribution_seconds": 60"#;
        let lines = [
            r#"{"publisher-created": {"id": 1, "name": "daily"}}"#.to_owned(),
            r#"{"brand-created": {"id": 1, "name": "acme"}}"#.to_owned(),
            format!(r#"{{"campaign-created": {{"id": 1, "name": "spring", {campaign}}}}}"#),
            format!(r#"{{"campaign-created": {{"id": 2, "name": "autumn", {campaign}, "policy": {policy}}}}}"#),
            format!(
                r#"{{"measure-created": {{{fields}, "domain": [{channel}], "epsilon": 2000000, "window": 86400}}}}"#
            ),
            format!(r#"{{"epoch-published": {{{epoch}, "public_key": "{POINT}"}}}}"#),
            r#"{"device-policy-set": {"token_batch": 64, "ledger_bound_micro": 7000000}}"#.to_owned(),
        ];
        let mut catalogue = Catalogue::default();
        for line in lines {
            catalogue.take_in(serde_json::from_str(&line).unwrap()).unwrap();
        }
        let contents = Contents::new(vec!["/one".into(), "/two".into(), "/three".into()]).unwrap();
        let epsilon = Epsilon::from_micro(4_000_000).unwrap();
        let values = Values::Catalogue(contents.reference(2));
        let dimension = Dimension { name: Dimension::CONTENT.parse().unwrap(), values };
        let measure = Measure {
            id: MeasureId(2),
            campaign: CampaignId(2),
            name: "stories".parse().unwrap(),
            event: Event::ContentShare,
            participation: Participation::Event,
            domain: Domain::new(vec![dimension], epsilon).unwrap(),
            epsilon,
            window: WindowLength::DAY,
        };
        let listed = Change::ContentsListed { digest: contents.catalogue().digest(), ids: contents.ids().to_vec() };
        catalogue.take_in(listed).unwrap();
        catalogue.take_in(Change::MeasureCreated(Box::new(measure))).unwrap();
        catalogue
    }

    #[test]
    fn a_log_is_said_in_the_same_bytes_by_every_program_of_one_form() {
        let manifest = early().manifest(PublisherId(1)).unwrap();
        let digest = hex::encode(Sha256::digest(v1::Manifest::from(&manifest).encode_to_vec()));
        let known = (1, "5d6ec0925d030d52b50734d254fa1ea15b3a3713bbe15d96f97fdb4b1138bdfc");
        assert_eq!(
            (FORM, digest.as_str()),
            known,
            "manifests of a log are other bytes than before: raise FORM with it"
        );
    }

    #[test]
    fn a_log_of_another_form_begins_a_revision_with_this_one_and_only_one() {
        let mut catalogue = early();
        let policy = DevicePolicy { token_batch: 64, ledger_bound_micro: 7_000_000 };
        let before = catalogue.revision();
        let change = catalogue.propose_device_policy(policy).unwrap();
        catalogue.take_in(change).unwrap();
        assert_eq!(catalogue.revision(), before + 1);
        assert!(matches!(catalogue.propose_device_policy(policy), Err(Refused::AlreadySo)));
    }

    #[test]
    fn a_form_that_a_newer_program_has_begun_is_refused() {
        let form = FORM + 1;
        let policy = format!(r#"{{"token_batch": 64, "ledger_bound_micro": 7000000, "form": {form}}}"#);
        let entry = format!(r#"{{"version": 1, "at": 0, "change": {{"device-policy-set": {policy}}}}}"#);
        let fault = Catalogue::default().fold(entry.as_bytes()).unwrap_err();
        assert!(matches!(fault, LogFault::Form { index: 0, form: named } if named == form), "{fault}");
        assert!(fault.to_string().ends_with("run that one") && fault.remedy().is_empty());
    }
}
