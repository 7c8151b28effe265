//! The sizes in which Fargate sells tasks.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>

/// CPU units of a task: `256`, or `.25 vCPU`.
pub(super) fn cpu_units(text: &str) -> Option<u64> {
    units(text, "vcpu")
}

/// Memory of a task in MiB: `512`, or `0.5 GB`.
pub(super) fn memory_mib(text: &str) -> Option<u64> {
    units(text, "gb")
}

/// A whole number, or a decimal one followed by a unit of 1024.
fn units(text: &str, unit: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    match text.strip_suffix(unit) {
        None => text.parse().ok(),
        Some(number) => {
            let number: f64 = number.trim().parse().ok()?;
            let units = number * 1024.0;
            (number > 0.0 && number < 1_000_000.0 && units.fract() == 0.0).then_some(units as u64)
        }
    }
}

/// Returns true if Fargate has tasks with so many CPU units and so much memory in MiB.
pub(super) fn exists(cpu: u64, memory: u64) -> bool {
    let steps =
        |from: u64, to: u64, step: u64| (from..=to).contains(&memory) && (memory - from).is_multiple_of(step);
    const GIB: u64 = 1024;
    match cpu {
        256 => matches!(memory, 512 | 1024 | 2048),
        512 => steps(GIB, 4 * GIB, GIB),
        1024 => steps(2 * GIB, 8 * GIB, GIB),
        2048 => steps(4 * GIB, 16 * GIB, GIB),
        4096 => steps(8 * GIB, 30 * GIB, GIB),
        8192 => steps(16 * GIB, 60 * GIB, 4 * GIB),
        16384 => steps(32 * GIB, 120 * GIB, 8 * GIB),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_table() {
        assert!(exists(256, 512) && exists(256, 2048) && exists(512, 1024) && exists(4096, 30720));
        assert!(exists(8192, 61440) && exists(16384, 122_880));
        assert!(!exists(256, 768) && !exists(512, 512) && !exists(1024, 1024) && !exists(8192, 18432));
        assert!(!exists(300, 512));
    }

    #[test]
    fn sizes_can_be_written_with_units() {
        assert_eq!(cpu_units(".25 vCPU"), Some(256));
        assert_eq!(cpu_units("2vcpu"), Some(2048));
        assert_eq!(memory_mib("0.5 GB"), Some(512));
        assert_eq!(memory_mib("1024"), Some(1024));
        assert_eq!(memory_mib("lots"), None);
        assert_eq!(memory_mib("-1 GB"), None);
    }
}
