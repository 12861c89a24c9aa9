//! Reading a page of metrics: for those who show it to people, and for tests.

/// One line of a page.
#[derive(Clone, PartialEq, Debug)]
pub struct Sample {
    /// With its suffix: `_total`, `_bucket`, `_sum`, `_count`, `_info`.
    pub name: String,
    /// In the order of the page.
    pub labels: Vec<(String, String)>,
    /// What is told.
    pub value: f64,
}

impl Sample {
    /// A label's value; nothing if it has none.
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

/// The samples of a page in OpenMetrics or in Prometheus' older text. What is no sample is passed over.
pub fn samples(page: &str) -> impl Iterator<Item = Sample> {
    page.lines().filter(|line| !line.starts_with('#')).filter_map(sample)
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Sample { name: name.to_owned(), labels, value })
}

/// `name="value",…}`, and what follows.
fn labels(mut rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let (value, after) = unquoted(quoted)?;
        labels.push((name.to_owned(), value));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

/// A value up to its quotation mark, and what follows.
fn unquoted(quoted: &str) -> Option<(String, &str)> {
    let (mut value, mut letters) = (String::new(), quoted.char_indices());
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                letter => value.push(letter),
            },
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_labels_and_what_is_none_is_passed_over() {
        let page = "# HELP a b.\na_total{x=\"1\",y=\"q\\\"}\\\\\"} 5\nb 1.5 1700000000\nc{} 2\nbroken{x=\"1\nd nothing\n# EOF\n";
        let read: Vec<Sample> = samples(page).collect();
        assert_eq!(read.len(), 3, "{read:?}");
        assert_eq!((read[0].name.as_str(), read[0].label("y"), read[0].value), ("a_total", "q\"}\\", 5.0));
        assert_eq!((read[1].name.as_str(), read[1].value, read[1].label("x")), ("b", 1.5, ""));
        assert_eq!(read[2].value, 2.0);
    }
}
