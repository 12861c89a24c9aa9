//! The most shared of 14,828 real articles, found from one million randomized reports.
//!
//! `cargo run --release -p tacita-dp --example top_articles -- ../shared/data/online_news_popularity_14828.csv [EPSILON]`
//!
//! Semi-synthetic: the share counts are real (UCI #332), the devices are simulated. One million of the 49 million shares
//! are drawn without replacement, each is reported through the chosen mechanism, and the estimates are set beside the
//! sample's true counts.

use std::error::Error;

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use tacita_dp::{Confidence, DomainSize, Mechanism, Report, Tally, amplification, planner};

const SAMPLE: u64 = 1_000_000;
const SHOWN: usize = 20;

struct Article {
    name: String,
    shares: u64,
}

fn read(path: &str) -> Result<Vec<Article>, Box<dyn Error>> {
    let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path)?;
    let column = table.headers()?.iter().position(|name| name == "shares").ok_or("no column named shares")?;
    let article = |row: Result<csv::StringRecord, csv::Error>| -> Result<Article, Box<dyn Error>> {
        let row = row?;
        let slug = row[0].trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        Ok(Article { name: slug.to_owned(), shares: row[column].parse::<f64>()? as u64 })
    };
    table.records().map(article).collect()
}

/// `SAMPLE` shares drawn without replacement: how many fall on each article (selection sampling, Knuth 3.4.2 S).
fn sample(articles: &[Article], generator: &mut impl Rng) -> Vec<u64> {
    let mut left: u64 = articles.iter().map(|article| article.shares).sum();
    let mut wanted = SAMPLE.min(left);
    let mut drawn = vec![0; articles.len()];
    for (count, article) in drawn.iter_mut().zip(articles) {
        for _ in 0..article.shares {
            let taken = (u128::from(generator.next_u64()) * u128::from(left)) >> 64 < u128::from(wanted);
            *count += u64::from(taken);
            wanted -= u64::from(taken);
            left -= 1;
        }
    }
    drawn
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let Some(path) = arguments.next() else {
        return Err("usage: top_articles FILE.csv [EPSILON]".into());
    };
    let epsilon = arguments.next().as_deref().unwrap_or("4").parse()?;
    let articles = read(&path)?;
    let mechanism = Mechanism::choose(DomainSize::new(u32::try_from(articles.len())?)?, epsilon)?;
    let mut generator = ChaCha20Rng::seed_from_u64(14_828);
    let truth = sample(&articles, &mut generator);

    let mut reports: Vec<Report> = Vec::new();
    for (cell, &count) in mechanism.domain().cells().zip(&truth) {
        reports.extend((0..count).map(|_| mechanism.randomize(cell, &mut generator)));
    }
    let mut tally = Tally::new(&mechanism);
    tally.absorb(&mechanism, &reports)?;
    let histogram = mechanism.estimate(&tally)?;

    let central = amplification::blanket(&mechanism, tally.reports(), 1e-8)?;
    println!(
        "{} articles, {} reports, {} at local eps {epsilon}, central {central}",
        articles.len(),
        tally.reports(),
        mechanism.name()
    );
    let detectable = planner::smallest_detectable_share(&mechanism, tally.reports(), Confidence::P95)?;
    println!("smallest detectable share: {:.3} %", 100.0 * detectable.unwrap_or(1.0));

    let descending = |value: &dyn Fn(usize) -> f64| {
        let mut order: Vec<usize> = (0..articles.len()).collect();
        order.sort_by(|&a, &b| value(b).total_cmp(&value(a)));
        order
    };
    let by_truth = descending(&|i| truth[i] as f64);
    let by_estimate = descending(&|i| histogram.cells()[i].count);
    let all = Confidence::simultaneous(0.95, mechanism.domain())?;
    // Picked because their estimates are high: only intervals that hold for all articles at once hold for these.
    println!("{:>4} {:>9} {:>9} {:>19} {:>5}  article", "rank", "true", "estimate", "simultaneous 95 %", "holds");
    for (rank, &article) in by_estimate.iter().take(SHOWN).enumerate() {
        let cell = histogram.cells()[article];
        let interval = cell.interval(all);
        let holds = if interval.contains(truth[article] as f64) { "yes" } else { "no" };
        let name: String = articles[article].name.chars().take(48).collect();
        println!(
            "{:>4} {:>9} {:>9.0} {:>9.0} .. {:>6.0} {holds:>5}  {name}",
            rank + 1,
            truth[article],
            cell.count,
            interval.low,
            interval.high
        );
    }
    let found = by_estimate[..SHOWN].iter().filter(|article| by_truth[..SHOWN].contains(article)).count();
    let cells = histogram.cells().iter().zip(&truth);
    let covered = cells.clone().filter(|(cell, count)| cell.interval(Confidence::P95).contains(**count as f64)).count();
    let at_once = cells.filter(|(cell, count)| cell.interval(all).contains(**count as f64)).count();
    println!("{found} of the true top {SHOWN} are in the estimated top {SHOWN}");
    println!(
        "pointwise 95 % intervals hold for {covered} of {} articles, simultaneous ones for {at_once}",
        articles.len()
    );
    Ok(())
}
