//! Sizes that AWS answers in another spelling than it was given.

/// The unit of a task's size (developer guide, "Task size").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// CPU units, or vCPUs of 1024 units.
    Cpu,
    /// MiB, or GB of 1024 MiB.
    Memory,
}

impl Unit {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "cpu" => Some(Self::Cpu),
            "memory" => Some(Self::Memory),
            _ => None,
        }
    }

    /// Returns `text` in CPU units or MiB, or as it is if it is no such size: `.25 vCPU` is `256`.
    pub(crate) fn normal(self, text: &str) -> String {
        let suffix = match self {
            Self::Cpu => "vcpu",
            Self::Memory => "gb",
        };
        let lower = text.trim().to_ascii_lowercase();
        let Some(number) = lower.strip_suffix(suffix).and_then(|number| number.trim().parse::<f64>().ok())
        else {
            return lower.parse::<u64>().map_or_else(|_| text.to_owned(), |units| units.to_string());
        };
        let units = number * 1024.0;
        if units.fract() == 0.0 && units > 0.0 { format!("{units:.0}") } else { text.to_owned() }
    }
}
