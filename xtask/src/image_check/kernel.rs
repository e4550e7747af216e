//! What the kernel has of a running service: its limits as the control groups hold them, in either layout, and what its
//! process may do.

use std::fmt;

use crate::size::Size;

/// Prints, for the process 1 it sees and the control groups in /groups, what [`Kernel::parse`] reads.
pub(super) const SCRIPT: &str = r#"
grep -E '^(Uid|CapEff|NoNewPrivs):' /proc/1/status
while read -r _ _ _ _ at options _; do
    [ "$at" != / ] || echo "root $options"
done </proc/1/mountinfo
while IFS=: read -r _ controllers path; do
    # In the second layout there is one folder for all of them.
    for controller in $(echo "$controllers" | tr , ' ') .; do
        for file in memory.limit_in_bytes cpu.cfs_quota_us cpu.cfs_period_us pids.max memory.max cpu.max; do
            whole=/groups/$controller$path/$file
            [ ! -r "$whole" ] || echo "$file $(cat "$whole")"
        done
    done
done </proc/1/cgroup
"#;

/// No limit, as the first layout writes it, is the most pages there can be.
const NO_LIMIT: u64 = 1 << 60;

/// What the kernel has of a process. What it has no limit for, and what it did not tell, is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Kernel {
    pub(super) memory: Option<u64>,
    pub(super) cpus: Option<f64>,
    pub(super) pids: Option<u64>,
    user: Option<u32>,
    capabilities: Option<String>,
    no_new_privileges: bool,
    read_only: bool,
}

impl Kernel {
    /// Reads what [`SCRIPT`] prints.
    pub(super) fn parse(told: &str) -> Kernel {
        let words = |name: &str| {
            let mut lines = told.lines().map(str::split_whitespace);
            lines.find_map(|mut words| (words.next()? == name).then(|| words.collect::<Vec<_>>()))
        };
        let first = |name: &str| words(name)?.first().map(|word| (*word).to_owned());
        let number = |name: &str| first(name)?.parse::<u64>().ok().filter(|number| *number < NO_LIMIT);
        let share = |quota: &str, period: &str| Some(quota.parse::<f64>().ok()? / period.parse::<f64>().ok()?);
        let old = || share(&first("cpu.cfs_quota_us")?, &first("cpu.cfs_period_us")?);
        let new = words("cpu.max").and_then(|words| share(words.first()?, words.get(1)?));
        Kernel {
            memory: number("memory.max").or_else(|| number("memory.limit_in_bytes")),
            cpus: new.or_else(old).filter(|cpus| *cpus > 0.0),
            pids: number("pids.max"),
            user: first("Uid:").and_then(|user| user.parse().ok()),
            capabilities: first("CapEff:"),
            no_new_privileges: first("NoNewPrivs:").is_some_and(|word| word == "1"),
            read_only: first("root").is_some_and(|options| options.split(',').any(|option| option == "ro")),
        }
    }

    pub(super) fn user_in_words(&self) -> String {
        self.user.map_or_else(|| "unknown".into(), |user| user.to_string())
    }

    /// What it has that it should not have.
    pub(super) fn open(&self) -> Vec<String> {
        let root = self.user.is_none_or(|user| user == 0);
        let capable = self.capabilities.as_ref().is_none_or(|mask| mask.chars().any(|digit| digit != '0'));
        let mask = self.capabilities.as_deref().unwrap_or("unknown");
        let found = [
            (root, "root".to_owned()),
            (capable, format!("capabilities {mask}")),
            (!self.no_new_privileges, "new privileges".to_owned()),
            (!self.read_only, "a root that can be written to".to_owned()),
        ];
        found.into_iter().filter_map(|(is_open, what)| is_open.then_some(what)).collect()
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let memory = self.memory.map_or_else(|| "any memory".into(), |bytes| Size::from(bytes).to_string());
        let cpus = self.cpus.map_or_else(|| "any cpus".into(), |cpus| format!("{cpus} cpus"));
        let pids = self.pids.map_or_else(|| "any pids".into(), |pids| format!("{pids} pids"));
        write!(f, "{memory}, {cpus}, {pids}")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// As an engine with the first layout of control groups told it.
    pub(in crate::image_check) const FIRST: &str = "Uid:\t65532\t65532\t65532\t65532\nCapEff:\t0000000000000000\n\
        NoNewPrivs:\t1\nroot ro,relatime\nmemory.limit_in_bytes 268435456\npids.max 128\ncpu.cfs_quota_us 150000\n\
        cpu.cfs_period_us 100000\n";
    /// The same with the second.
    pub(in crate::image_check) const SECOND: &str = "Uid:\t65532\t65532\t65532\t65532\nCapEff:\t0000000000000000\n\
        NoNewPrivs:\t1\nroot ro,relatime\npids.max 128\nmemory.max 268435456\ncpu.max 150000 100000\n";

    #[test]
    fn both_layouts_say_the_same() {
        let (first, second) = (Kernel::parse(FIRST), Kernel::parse(SECOND));
        assert_eq!(first, second);
        assert_eq!((first.memory, first.cpus, first.pids), (Some(268_435_456), Some(1.5), Some(128)));
        assert_eq!((first.open(), first.user_in_words()), (Vec::new(), "65532".into()));
    }

    #[test]
    fn what_has_no_limit_has_none_in_either() {
        let first =
            "memory.limit_in_bytes 9223372036854771712\npids.max max\ncpu.cfs_quota_us -1\ncpu.cfs_period_us 100000\n";
        let second = "memory.max max\npids.max max\ncpu.max max 100000\n";
        for told in [first, second, ""] {
            let kernel = Kernel::parse(told);
            assert_eq!(kernel.to_string(), "any memory, any cpus, any pids", "{told}");
            let open = ["root", "capabilities unknown", "new privileges", "a root that can be written to"];
            assert_eq!(kernel.open(), open);
        }
    }
}
