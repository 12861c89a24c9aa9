//! The panels of the funnel and of the reconciliation.

use tacita_proto::v1;

use super::{
    Drawing, Panel,
    bars::{Bar, Bars},
    query::{interval_of, with_interval},
    tone::Tone,
};
use crate::{
    report::text::{self, group_name},
    table::count,
};

/// Counts of every step on one scale, then each ratio on one of its own; and the same of generations.
pub(crate) fn funnel(funnel: &v1::GetFunnelResponse, by: &str) -> Vec<Panel> {
    let tone = |group: &v1::FunnelGroup| Tone::of([(by, group.label.as_str())]);
    let steps = funnel.groups.iter().flat_map(|group| {
        let named =
            |step: &str| if group.label.is_empty() { step.to_owned() } else { format!("{} · {step}", group.label) };
        let steps = [("shares", group.shares), ("return visits", group.arrivals), ("conversions", group.conversions)];
        steps.map(|(step, estimate)| counted(named(step), estimate.as_ref(), tone(group)))
    });
    let measures = [&funnel.share_measure, &funnel.arrival_measure, &funnel.conversion_measure].map(String::as_str);
    let mut panels = vec![panel("funnel", &measures.join(" → "), steps.collect())];

    type PerGroup = (&'static str, fn(&v1::FunnelGroup) -> Option<v1::RatioEstimate>);
    let per_group: [PerGroup; 3] = [
        ("visits per share", |group| group.arrivals_per_share),
        ("conversions per visit", |group| group.conversions_per_arrival),
        ("conversions per share", |group| group.conversions_per_share),
    ];
    panels.extend(per_group.map(|(title, ratio)| {
        let bars = funnel.groups.iter().map(|group| rated(group_name(group), ratio(group).as_ref(), tone(group)));
        panel(title, "", bars.collect())
    }));
    if !funnel.generations.is_empty() {
        panels.extend(generations(&funnel.generations));
    }
    panels
}

fn generations(generations: &[v1::Generation]) -> Vec<Panel> {
    let all = |bar: &dyn Fn(String, &v1::Generation) -> Option<Bar>| {
        generations.iter().filter_map(|one| bar(format!("generation {}", one.generation), one)).collect()
    };
    let arrivals = all(&|name, one| Some(counted(name, Some(one.arrivals.as_ref()?), Tone::Other)));
    let per_share = all(&|name, one| Some(rated(name, Some(one.arrivals_per_share.as_ref()?), Tone::Other)));
    let reshares = all(&|name, one| Some(rated(name, Some(one.reshares_per_arrival.as_ref()?), Tone::Other)));
    let growth = all(&|name, one| Some(rated(name, Some(one.growth.as_ref()?), Tone::Other)));
    let panels = [
        panel("arrivals by generation", "how often a link had been passed on", arrivals),
        panel("arrivals per share by generation", "arrivals for each share that made such a link", per_share),
        panel("re-shares per arrival", "shares of the next generation for each arrival", reshares),
        panel("growth", "arrivals of the next generation for each one: above 1 it grows", growth),
    ];
    panels.into_iter().filter(|panel| !panel.is_empty()).collect()
}

/// Each of GA4's groups, and under it what it was; then what of Direct was dark social.
pub(crate) fn reconciliation(view: &v1::GetReconciliationResponse) -> Vec<Panel> {
    let bars = view.groups.iter().flat_map(|group| {
        let whole = counted(group.name.clone(), group.arrivals.as_ref(), Tone::Other);
        let whole = Bar { is_whole: true, ..whole };
        let told = group.parts.iter().filter(|part| part.arrivals.is_some_and(|one| one.above_zero));
        let part = |part: &v1::AnalyticsPart| {
            let labels =
                [("kind", part.kind.as_str()), ("channel", part.channel.as_str()), ("grade", part.grade.as_str())];
            counted(format!("{} · {}", part.channel, part.grade), part.arrivals.as_ref(), Tone::of(labels))
        };
        std::iter::once(whole).chain(told.map(part)).collect::<Vec<_>>()
    });
    let about = format!(
        "{}, {} reports; each group, then what of it can be told from zero",
        view.measure,
        count(view.reports as f64)
    );
    let direct = [
        ("shared in private by evidence", &view.direct_confirmed, Tone::Private),
        ("without evidence, at most", &view.direct_inferred, Tone::Inferred),
    ];
    let direct = direct.map(|(what, ratio, tone)| Some(rated(what.to_owned(), Some(ratio.as_ref()?), tone)));
    let direct = panel("of what it calls Direct", "", direct.into_iter().flatten().collect());
    let groups = panel("what Google Analytics 4 would have said", &about, bars.collect());
    [groups, direct].into_iter().filter(|panel| !panel.is_empty()).collect()
}

fn panel(title: &str, about: &str, bars: Vec<Bar>) -> Panel {
    let about = if about.is_empty() { "95 % intervals".to_owned() } else { format!("{about}; 95 % intervals") };
    Panel { title: title.to_owned(), about, drawing: Drawing::Bars(Bars(bars)), note: String::new() }
}

impl Panel {
    fn is_empty(&self) -> bool {
        matches!(&self.drawing, Drawing::Bars(Bars(bars)) if bars.is_empty())
    }
}

/// A count, or that its measure does not tell it.
fn counted(label: String, estimate: Option<&v1::Estimate>, tone: Tone) -> Bar {
    Bar {
        label,
        at: estimate.map(|one| (one.low, one.value, one.high)),
        before: None,
        figures: estimate.map_or_else(|| text::UNTOLD.to_owned(), with_interval),
        tone,
        is_whole: false,
    }
}

fn rated(label: String, ratio: Option<&v1::RatioEstimate>, tone: Tone) -> Bar {
    Bar {
        label,
        at: ratio.and_then(interval_of),
        before: None,
        figures: ratio.map_or_else(|| text::UNTOLD.to_owned(), text::with_interval),
        tone,
        is_whole: false,
    }
}
