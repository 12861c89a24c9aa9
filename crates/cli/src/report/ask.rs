//! What `report` and `watch` ask: a query out of arguments, and its answer with all pages.

use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;
use tacita_proto::v1;
use tonic::{Code, Status};

use crate::{
    connect::{ReportingClient, refused},
    table,
};

/// Rows of a page.
const PAGE: u32 = 10_000;
/// How often the pages are begun anew when reports are counted meanwhile.
const ATTEMPTS: usize = 5;

/// A question about a campaign.
#[derive(clap::Args, Clone)]
pub(crate) struct Question {
    /// Only this measure; repeat for several.
    #[arg(long = "measure", value_name = "NAME")]
    measures: Vec<String>,
    /// A ratio, instead of counts; repeat for several.
    #[arg(long = "ratio", value_name = "RATIO", value_enum)]
    ratios: Vec<RatioName>,
    /// The first day, YYYY-MM-DD (UTC).
    #[arg(long, value_name = "DAY", value_parser = day)]
    from: Option<u64>,
    /// The day after the last one, YYYY-MM-DD (UTC).
    #[arg(long, value_name = "DAY", value_parser = day)]
    to: Option<u64>,
    /// Tell apart by these dimensions, or `publisher`, `kind`, `category`, `analytics`; `total` for none. All dimensions of each
    /// measure if not given; none for ratios.
    #[arg(long, value_name = "DIMENSION,…", value_delimiter = ',')]
    by: Vec<String>,
    /// Keep these labels (DIMENSION=LABEL,…) or all others (DIMENSION!=LABEL,…); repeat for several dimensions.
    #[arg(long, value_name = "FILTER", value_parser = filter)]
    filter: Vec<v1::Filter>,
    /// How often what --filter keeps was counted for each time that this was, and whether the difference is more than
    /// noise: with --measure articles --filter content=/a this compares two contents.
    #[arg(long, value_name = "FILTER", value_parser = filter, conflicts_with_all = ["ratios", "top"])]
    over: Option<v1::Filter>,
    /// How long a period is.
    #[arg(long, value_enum, default_value_t = Granularity::Total)]
    granularity: Granularity,
    /// Beside each number that of another period; needs --from and --to.
    #[arg(long, value_name = "PERIOD", value_enum)]
    compare: Option<Compare>,
    /// Only the N rows with the largest estimates of each measure and period.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    top: u32,
}

#[derive(Clone, Copy, ValueEnum)]
enum Granularity {
    Total,
    Hour,
    Day,
    Week,
    Month,
}

#[derive(Clone, Copy, ValueEnum)]
enum Compare {
    /// As long, right before.
    Previous,
    /// 364 days earlier.
    Year,
}

#[derive(Clone, Copy, ValueEnum)]
enum RatioName {
    DarkShare,
    DirectConfirmed,
    DirectInferred,
    ConversionRate,
    CostPerConversion,
    Roi,
    ArrivalsPerShare,
    ResharesPerArrival,
    GenerationGrowth,
    PrivateOnlyShare,
}

impl RatioName {
    fn kind(self) -> v1::RatioKind {
        match self {
            Self::DarkShare => v1::RatioKind::DarkShare,
            Self::DirectConfirmed => v1::RatioKind::DirectConfirmed,
            Self::DirectInferred => v1::RatioKind::DirectInferred,
            Self::ConversionRate => v1::RatioKind::ConversionRate,
            Self::CostPerConversion => v1::RatioKind::CostPerConversion,
            Self::Roi => v1::RatioKind::Roi,
            Self::ArrivalsPerShare => v1::RatioKind::ArrivalsPerShare,
            Self::ResharesPerArrival => v1::RatioKind::ResharesPerArrival,
            Self::GenerationGrowth => v1::RatioKind::GenerationGrowth,
            Self::PrivateOnlyShare => v1::RatioKind::PrivateOnlyShare,
        }
    }
}

/// The first second of a day.
pub(crate) fn day(text: &str) -> Result<u64, String> {
    let parse = || {
        let date: jiff::civil::Date = text.parse().ok()?;
        let midnight = date.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(midnight.timestamp().as_second())
    };
    let seconds = parse().ok_or_else(|| format!("'{text}' is not a day: write YYYY-MM-DD, for example 2026-11-22"))?;
    // 0 is how a request says that there is no end.
    let later = u64::try_from(seconds).ok().filter(|&seconds| seconds > 0);
    later.ok_or_else(|| format!("'{text}' is before any report: write a day after 1970-01-01, or leave it out"))
}

pub(crate) fn filter(text: &str) -> Result<v1::Filter, String> {
    let (dimension, values) = text
        .split_once('=')
        .filter(|(dimension, values)| !dimension.is_empty() && !values.is_empty())
        .ok_or_else(|| format!("'{text}' is not a filter: write DIMENSION=LABEL,… or DIMENSION!=LABEL,…"))?;
    let (dimension, exclude) = dimension.strip_suffix('!').map_or((dimension, false), |dimension| (dimension, true));
    let values = values.split(',').map(str::to_owned).collect();
    Ok(v1::Filter { dimension: dimension.to_owned(), values, exclude })
}

/// A filter's labels.
fn written(filter: &v1::Filter) -> String {
    format!("{}{}", if filter.exclude { "not " } else { "" }, filter.values.join(","))
}

impl Question {
    /// The query about a campaign.
    pub(crate) fn query(&self, campaign: &str) -> Result<v1::Query> {
        if self.compare.is_some() && (self.from.is_none() || self.to.is_none()) {
            bail!("--compare needs --from and --to: the range to compare must have both ends");
        }
        let group_by = match self.by.as_slice() {
            [] if self.ratios.is_empty() && self.over.is_none() => vec!["*".to_owned()],
            [only] if only == "total" => Vec::new(),
            names => names.to_vec(),
        };
        let ratio = |ratio: &RatioName| v1::RatioRequest { kind: ratio.kind().into(), custom: None };
        let named = self.ratios.iter().map(ratio);
        let ratios: Vec<_> = named.chain(self.over.as_ref().map(|over| self.one_over(over)).transpose()?).collect();
        let (measures, filters) = match self.over {
            None => (self.measures.clone(), self.filter.clone()),
            // The ratio's own; publishers are those of both its sides.
            Some(_) => (Vec::new(), self.filters_of_publishers(true)),
        };
        Ok(v1::Query {
            campaign: campaign.to_owned(),
            measures,
            ratios,
            range: self.range()?,
            granularity: match self.granularity {
                Granularity::Total => v1::Granularity::Total,
                Granularity::Hour => v1::Granularity::Hour,
                Granularity::Day => v1::Granularity::Day,
                Granularity::Week => v1::Granularity::Week,
                Granularity::Month => v1::Granularity::Month,
            }
            .into(),
            group_by,
            filters,
            compare: self.compare.map(|compare| v1::Comparison {
                period: Some(match compare {
                    Compare::Previous => v1::comparison::Period::PreviousPeriod(true),
                    Compare::Year => v1::comparison::Period::PreviousYear(true),
                }),
            }),
            top: self.top,
        })
    }

    /// What is kept over something else of the same measure.
    fn one_over(&self, over: &v1::Filter) -> Result<v1::RatioRequest> {
        let [measure] = self.measures.as_slice() else { bail!("--over: name the one --measure that both are of") };
        let kept = self.filters_of_publishers(false);
        if kept.is_empty() {
            bail!("--over: name with --filter what is put over it");
        }
        let selection = |filters: Vec<v1::Filter>| Some(v1::Selection { measure: measure.clone(), filters });
        let name = kept.iter().map(written).collect::<Vec<_>>().join(" ");
        let custom = v1::CustomRatio {
            name: format!("{name} ÷ {}", written(over)),
            numerator: selection(kept),
            denominator: selection(vec![over.clone()]),
        };
        Ok(v1::RatioRequest { kind: v1::RatioKind::Custom.into(), custom: Some(custom) })
    }

    /// The filters by publisher, or all others.
    fn filters_of_publishers(&self, are: bool) -> Vec<v1::Filter> {
        self.filter.iter().filter(|filter| (filter.dimension == "publisher") == are).cloned().collect()
    }

    /// The range, if one is given.
    pub(crate) fn range(&self) -> Result<Option<v1::TimeRange>> {
        let (from, to) = (self.from.unwrap_or(0), self.to.unwrap_or(0));
        if 0 < to && to <= from {
            let [from, to] = [from, to].map(table::day);
            bail!("the range is empty: --to {to} is not after --from {from}, and --to is the day after the last one");
        }
        Ok((from > 0 || to > 0).then_some(v1::TimeRange { from, to }))
    }

    /// Refuses arguments that an answer does not go by: passed over, they would seem to hold.
    pub(crate) fn takes_only(&self, answer: &str, takes: &[&str]) -> Result<()> {
        let given = [
            ("--measure", !self.measures.is_empty()),
            ("--ratio", !self.ratios.is_empty()),
            ("--from", self.from.is_some()),
            ("--to", self.to.is_some()),
            ("--by", !self.by.is_empty()),
            ("--filter", !self.filter.is_empty()),
            ("--over", self.over.is_some()),
            ("--granularity", !matches!(self.granularity, Granularity::Total)),
            ("--compare", self.compare.is_some()),
            ("--top", self.top > 0),
        ];
        match given.iter().find(|(name, given)| *given && !takes.contains(name)) {
            None => Ok(()),
            Some((name, _)) if takes.is_empty() => bail!("{name}: {answer} takes no such argument: leave it out"),
            Some((name, _)) => bail!("{name}: {answer} goes by {} alone", takes.join(", ")),
        }
    }

    /// The filters.
    pub(crate) fn filters(&self) -> Vec<v1::Filter> {
        self.filter.clone()
    }

    /// The one dimension that a funnel is told apart by, empty for none.
    pub(crate) fn group_of_funnel(&self) -> Result<String> {
        match self.by.as_slice() {
            [] => Ok(String::new()),
            [only] if only == "total" => Ok(String::new()),
            [only] => Ok(only.clone()),
            _ => bail!("--by: a funnel is told apart by one dimension"),
        }
    }
}

/// All pages of an answer as one.
pub(crate) async fn ask(reporting: &mut ReportingClient, query: v1::Query) -> Result<v1::QueryResponse> {
    for _ in 0..ATTEMPTS {
        match pages(reporting, &query).await {
            Err(status) if status.code() == Code::Aborted => {}
            answered => return answered.map_err(refused),
        }
    }
    Err(anyhow!("reports are counted faster than the pages can be read: end the range before today"))
}

async fn pages(reporting: &mut ReportingClient, query: &v1::Query) -> Result<v1::QueryResponse, Status> {
    let mut whole: Option<v1::QueryResponse> = None;
    loop {
        let page_token = whole.as_ref().map_or_else(String::new, |whole| whole.next_page_token.clone());
        let request = v1::QueryRequest { query: Some(query.clone()), page_size: PAGE, page_token };
        let page = reporting.query(request).await?.into_inner();
        let whole = match &mut whole {
            None => whole.insert(page),
            Some(whole) => {
                add_page(whole, page);
                whole
            }
        };
        if whole.next_page_token.is_empty() {
            return Ok(std::mem::take(whole));
        }
    }
}

/// Adds the next page; its notices may be of its own rows.
fn add_page(whole: &mut v1::QueryResponse, page: v1::QueryResponse) {
    whole.rows.extend(page.rows);
    whole.ratios.extend(page.ratios);
    for notice in page.notices {
        if !whole.notices.contains(&notice) {
            whole.notices.push(notice);
        }
    }
    whole.next_page_token = page.next_page_token;
}

/// Every cell of every measure of a campaign, all windows together.
pub(crate) async fn everything(reporting: &mut ReportingClient, campaign: &str) -> Result<v1::QueryResponse> {
    let query = v1::Query { campaign: campaign.to_owned(), group_by: vec!["*".to_owned()], ..Default::default() };
    ask(reporting, query).await.with_context(|| format!("the report of {campaign}"))
}

/// How many reports of a campaign are counted, of all measures.
pub(crate) async fn counted(reporting: &mut ReportingClient, campaign: &str) -> Result<u64> {
    let query = v1::Query { campaign: campaign.to_owned(), top: 1, ..Default::default() };
    let answer = ask(reporting, query).await.with_context(|| format!("the report of {campaign}"))?;
    Ok(answer.measures.iter().map(|measure| measure.reports).sum())
}

/// The measure's own part of an answer.
pub(crate) fn rows_of<'a>(answer: &'a v1::QueryResponse, about: &'a v1::MeasureAnswer) -> Vec<&'a v1::Row> {
    let name = name_of(about);
    answer.rows.iter().filter(|row| row.measure == name).collect()
}

/// What the labels of a ratio's row are labels of: a ratio by generation has the generation first.
pub(crate) fn axes_of_ratio(row: &v1::RatioRow, query: &v1::Query) -> Vec<String> {
    let generation = (row.labels.len() > query.group_by.len()).then(|| "generation".to_owned());
    generation.into_iter().chain(query.group_by.iter().cloned()).collect()
}

/// The name of an answer's measure.
pub(crate) fn name_of(about: &v1::MeasureAnswer) -> &str {
    about.measure.as_ref().map_or("", |measure| &measure.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_date_after_the_first_of_all() {
        assert_eq!(day("2026-11-22"), Ok(1_795_305_600));
        for (bad, told) in [("1795305600", "YYYY-MM-DD"), ("2026-13-01", "YYYY-MM-DD"), ("1969-12-31", "before any")] {
            assert!(day(bad).unwrap_err().contains(told), "{bad}");
        }
    }

    #[test]
    fn what_is_put_over_something_else_is_of_the_same_publishers() {
        #[derive(clap::Parser)]
        struct Asked {
            #[command(flatten)]
            question: Question,
        }
        let asked = |words: &[&str]| {
            let given = ["report", "--measure", "shares", "--over", "channel=sms"];
            let asked: Asked = clap::Parser::parse_from([&given, words].concat());
            asked.question.query("acme/spring")
        };
        let query = asked(&["--filter", "channel=whatsapp", "--filter", "publisher=daily"]).unwrap();
        let custom = query.ratios[0].custom.clone().unwrap();
        assert_eq!((custom.name.as_str(), custom.numerator.unwrap().filters.len()), ("whatsapp ÷ sms", 1));
        assert_eq!(query.filters, [filter("publisher=daily").unwrap()]);
        assert!(asked(&["--filter", "publisher=daily"]).unwrap_err().to_string().contains("what is put over it"));
    }

    #[test]
    fn a_notice_of_a_later_page_is_told_once() {
        let page = |codes: &[&str]| v1::QueryResponse {
            notices: codes.iter().map(|&code| v1::Notice { code: code.into(), ..Default::default() }).collect(),
            rows: vec![v1::Row::default()],
            ..Default::default()
        };
        let mut whole = page(&["NOT_SETTLED"]);
        add_page(&mut whole, page(&["NOT_SETTLED", "COST_MISSING"]));
        let codes: Vec<&str> = whole.notices.iter().map(|notice| notice.code.as_str()).collect();
        assert_eq!((codes, whole.rows.len()), (vec!["NOT_SETTLED", "COST_MISSING"], 2));
    }

    #[test]
    fn a_filter_keeps_labels_or_leaves_them_out() {
        let kept = filter("channel=whatsapp,sms").unwrap();
        assert_eq!((kept.dimension.as_str(), kept.values.len(), kept.exclude), ("channel", 2, false));
        assert!(filter("channel!=whatsapp").unwrap().exclude);
        for bad in ["", "channel", "=whatsapp", "channel="] {
            assert!(filter(bad).unwrap_err().contains("DIMENSION=LABEL"), "{bad}");
        }
    }
}
