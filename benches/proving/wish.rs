//! What the command line asks for: seeds, size and days, or folders.

use humdrum::simulate::FleetSpec;

/// What to prove upon.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    /// A fleet a seed.
    pub(crate) seeds: Vec<u64>,
    /// Bots of each.
    pub(crate) bots: usize,
    /// Days of the baseline and of the test.
    pub(crate) days: (u32, u32),
    /// Folders that hold labelled fleets; where there are any, nothing is simulated.
    pub(crate) folders: Vec<String>,
    /// Missed attacks and false pages to print.
    pub(crate) show: usize,
}

impl Wish {
    /// Reads options over a command's defaults; says what it does not understand.
    pub(crate) fn read(mut args: impl Iterator<Item = String>, bots: usize, days: (u32, u32)) -> Result<Self, String> {
        let mut wish = Self { seeds: vec![1, 2, 3], bots, days, folders: Vec::new(), show: 0 };
        while let Some(option) = args.next() {
            let value = args.next().ok_or_else(|| format!("`{option}` has no value"))?;
            match option.as_str() {
                "--seeds" => wish.seeds = numbers(&value)?,
                "--bots" => wish.bots = number(&value)?,
                "--days" => match numbers(&value)?[..] {
                    [baseline, test] => wish.days = (baseline, test),
                    _ => return Err(format!("`{value}` is not two numbers of days")),
                },
                "--show" => wish.show = number(&value)?,
                "--folder" => wish.folders.push(value),
                _ => return Err(format!("there is no option `{option}`")),
            }
        }
        Ok(wish)
    }

    /// The fleets that are wished for.
    pub(crate) fn specs(&self, clean: bool) -> Vec<FleetSpec> {
        let spec = |&seed: &u64| FleetSpec {
            seed,
            bots: self.bots,
            days_baseline: self.days.0,
            days_test: self.days.1,
            clean,
            ..FleetSpec::default()
        };
        self.seeds.iter().map(spec).collect()
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is no number"))
}

fn numbers<T: std::str::FromStr>(text: &str) -> Result<Vec<T>, String> {
    text.split(',').map(number).collect()
}
