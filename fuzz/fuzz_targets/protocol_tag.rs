//! Any text as a link tag and as an address with one: refused, or its own encoding; and a tag put into an address is found in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tacita_fuzz::{joined, parts, plant};
use tacita_protocol::{
    channel::Channel,
    tag::{LinkTag, TagStyle},
};

fn seeds() -> Vec<Vec<u8>> {
    let tag = LinkTag { campaign: 7, channel: Channel::COPY, cohort: 12, generation: 3 };
    let text = tag.encode();
    let addresses = [
        format!("https://news.example/a?utm_source=x#tct={text}"),
        format!("https://news.example/#/a?tct={text}"),
        format!("https://news.example/a?b=c&tct={text}#comments"),
    ];
    addresses.iter().map(|address| joined(&[&text, address, "spring sale"])).collect()
}

fuzz_target!(init: plant("protocol_tag", seeds()), |bytes: &[u8]| {
    let [text, address, campaign] = parts(bytes);
    let found = LinkTag::from_url(&address);
    let Ok(tag) = LinkTag::parse(&text) else { return };
    assert_eq!(tag.encode(), text);
    for style in [TagStyle::Fragment, TagStyle::Query] {
        if let Ok(tagged) = tag.append_to(&address, style) {
            assert_eq!(LinkTag::from_url(&tagged), Some(tag), "{address:?} with {found:?} became {tagged:?}");
        }
    }
    let _ = tag.with_utm(&address, &campaign);
    assert!(tag.reshare(Channel::NATIVE).generation <= 7);
});
