//! Reads the samples of a server's metrics.

/// One number, with its name and labels.
#[derive(Debug, PartialEq)]
pub struct Sample<'t> {
    name: &'t str,
    labels: Vec<(&'t str, &'t str)>,
    pub value: f64,
}

impl<'t> Sample<'t> {
    /// The value of a label; empty if it has none of that name.
    pub fn label(&self, name: &str) -> &'t str {
        self.labels.iter().find(|(label, _)| *label == name).map_or("", |(_, value)| *value)
    }
}

/// The samples of a server.
#[derive(Debug)]
pub struct Samples<'t>(Vec<Sample<'t>>);

impl<'t> Samples<'t> {
    /// Reads what a server of ours renders, whose labels hold no quotes. Lines
    /// that it does not understand are left out.
    pub fn parse(text: &'t str) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self(lines.filter_map(sample).collect())
    }

    /// The samples of that name.
    pub fn of(&self, name: &str) -> impl Iterator<Item = &Sample<'t>> {
        self.0.iter().filter(move |sample| sample.name == name)
    }

    /// The value of a metric without labels.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.of(name).next().map(|sample| sample.value)
    }

    /// The size under which that share of a histogram's observations lies, in
    /// its unit: the upper bound of its bucket. None without observations, or
    /// when it is over all bounds.
    pub fn quantile(&self, histogram: &str, label: &str, value: &str, share: f64) -> Option<f64> {
        let bucket = format!("{histogram}_bucket");
        let mut buckets: Vec<(f64, f64)> = self
            .of(&bucket)
            .filter(|sample| sample.label(label) == value)
            .filter_map(|sample| {
                Some((sample.label("le").replace("+Inf", "inf").parse().ok()?, sample.value))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total = buckets.last()?.1;
        let (bound, _) = *buckets.iter().find(|(_, count)| total > 0.0 && *count >= share * total)?;
        bound.is_finite().then_some(bound)
    }
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
    let labels = labels.strip_suffix('}')?.split(',').filter(|pair| !pair.is_empty());
    let labels = labels.map(|pair| {
        let (label, value) = pair.split_once('=')?;
        Some((label, value.strip_prefix('"')?.strip_suffix('"')?))
    });
    Some(Sample { name, labels: labels.collect::<Option<_>>()?, value: value.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# TYPE a counter
a_total{site=\"news\",action=\"HOLD\"} 3
b 1.5
broken{x=\"1} 2
t_bucket{le=\"0.001\",rpc=\"X\"} 90
t_bucket{le=\"0.01\",rpc=\"X\"} 99
t_bucket{le=\"+Inf\",rpc=\"X\"} 100
# EOF
";

    #[test]
    fn samples_have_names_labels_and_values() {
        let samples = Samples::parse(TEXT);
        let a = samples.of("a_total").next().unwrap();
        assert_eq!(
            (a.label("site"), a.label("action"), a.label("other"), a.value),
            ("news", "HOLD", "", 3.0)
        );
        assert_eq!(
            (samples.value("b"), samples.value("broken"), samples.value("c")),
            (Some(1.5), None, None)
        );
    }

    #[test]
    fn a_quantile_is_the_bound_of_its_bucket() {
        let samples = Samples::parse(TEXT);
        let quantile = |share| samples.quantile("t", "rpc", "X", share);
        assert_eq!([quantile(0.5), quantile(0.99), quantile(0.999)], [Some(0.001), Some(0.01), None]);
        assert_eq!(samples.quantile("t", "rpc", "Y", 0.5), None);
    }
}
