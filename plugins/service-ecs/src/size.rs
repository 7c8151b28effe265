//! CPU and memory of a Fargate task.

use std::fmt;

use crate::declaration::TaskSize;

/// The memory that goes with an amount of CPU.
struct Tier {
    /// CPU units.
    cpu: u32,
    /// Single values of memory in MiB.
    memory: &'static [u32],
    /// Or a range: least, most and step in MiB.
    range: Option<(u32, u32, u32)>,
}

const GIB: u32 = 1024;

/// The sizes that Fargate has (ECS developer guide, "Task CPU and memory"), smallest first.
const TIERS: &[Tier] = &[
    Tier { cpu: 256, memory: &[512, GIB, 2 * GIB], range: None },
    Tier { cpu: 512, memory: &[], range: Some((GIB, 4 * GIB, GIB)) },
    Tier { cpu: 1024, memory: &[], range: Some((2 * GIB, 8 * GIB, GIB)) },
    Tier { cpu: 2048, memory: &[], range: Some((4 * GIB, 16 * GIB, GIB)) },
    Tier { cpu: 4096, memory: &[], range: Some((8 * GIB, 30 * GIB, GIB)) },
    Tier { cpu: 8192, memory: &[], range: Some((16 * GIB, 60 * GIB, 4 * GIB)) },
    Tier { cpu: 16384, memory: &[], range: Some((32 * GIB, 120 * GIB, 8 * GIB)) },
];

/// All sizes that Fargate has, smallest CPU first and then smallest memory first.
pub(crate) fn fargate_sizes() -> impl Iterator<Item = TaskSize> {
    TIERS.iter().flat_map(|tier| {
        let listed = tier.memory.iter().copied();
        let stepped =
            tier.range.into_iter().flat_map(|(least, most, step)| (least..=most).step_by(step as usize));
        listed.chain(stepped).map(|memory| TaskSize { cpu: tier.cpu, memory })
    })
}

/// A size as people read it.
pub(crate) struct Readable(pub(crate) TaskSize);

impl fmt::Display for Readable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} CPU units with {} MiB", self.0.cpu, self.0.memory)
    }
}

/// The reason for having no size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NoSize {
    /// The error.
    pub(crate) message: String,
    /// The hint.
    pub(crate) help: String,
}

/// The smallest Fargate size that holds containers which together need `cpu` units and `memory` MiB.
pub(crate) fn smallest(cpu: u32, memory: u32) -> Result<TaskSize, NoSize> {
    fargate_sizes().find(|size| size.cpu >= cpu && size.memory >= memory).ok_or_else(|| NoSize {
        message: format!("no Fargate size holds containers with {cpu} CPU units and {memory} MiB"),
        help: format!(
            "the largest is {}",
            fargate_sizes().last().map(Readable).map_or_else(String::new, |s| s.to_string())
        ),
    })
}

/// Checks a size that was given: Fargate has it, and it holds the containers.
pub(crate) fn check(size: TaskSize, cpu: u32, memory: u32) -> Result<TaskSize, NoSize> {
    if !fargate_sizes().any(|valid| valid == size) {
        let nearest: Vec<_> = nearest(size).into_iter().map(|size| Readable(size).to_string()).collect();
        return Err(NoSize {
            message: format!("Fargate has no size of {}", Readable(size)),
            help: format!("it has, for example, {}", nearest.join(", or ")),
        });
    }
    if size.cpu < cpu || size.memory < memory {
        let help = match smallest(cpu, memory) {
            Ok(enough) => format!("the smallest that does has {}", Readable(enough)),
            Err(none) => none.help,
        };
        return Err(NoSize {
            message: format!(
                "{} do not hold the containers, which need {cpu} CPU units and {memory} MiB",
                Readable(size)
            ),
            help,
        });
    }
    Ok(size)
}

/// The valid sizes next to `size`: with its CPU (or the nearest there is) the memory below and above, else the
/// smallest size that is at least as large.
fn nearest(size: TaskSize) -> Vec<TaskSize> {
    let Some(cpu) = TIERS.iter().map(|tier| tier.cpu).min_by_key(|cpu| cpu.abs_diff(size.cpu)) else {
        return Vec::new();
    };
    let of_cpu = || fargate_sizes().filter(|valid| valid.cpu == cpu);
    let below = of_cpu().filter(|valid| valid.memory <= size.memory).last();
    let above = of_cpu().find(|valid| valid.memory > size.memory);
    let larger = fargate_sizes().find(|valid| valid.cpu >= size.cpu && valid.memory >= size.memory);
    let mut nearest = Vec::new();
    for candidate in [below, above, larger].into_iter().flatten() {
        if !nearest.contains(&candidate) {
            nearest.push(candidate);
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(cpu: u32, memory: u32) -> TaskSize {
        TaskSize { cpu, memory }
    }

    #[test]
    fn has_the_sizes_of_the_guide() {
        let count = |cpu| fargate_sizes().filter(|size| size.cpu == cpu).count();
        assert_eq!([256, 512, 1024, 2048, 4096, 8192, 16384].map(count), [3, 4, 7, 13, 23, 12, 12]);
    }

    #[test]
    fn finds_the_smallest() {
        assert_eq!(smallest(0, 768), Ok(size(256, 1024)));
        assert_eq!(smallest(0, 0), Ok(size(256, 512)));
        assert_eq!(smallest(256, 3000), Ok(size(512, 3072)));
        assert_eq!(smallest(300, 512), Ok(size(512, 1024)));
        assert_eq!(smallest(0, 31_000), Ok(size(8192, 32_768)));
        assert_eq!(smallest(16_384, 122_880), Ok(size(16_384, 122_880)));
    }

    #[test]
    fn says_what_would_be_right() {
        let lines = [
            smallest(0, 130_000),
            check(size(256, 768), 0, 0),
            check(size(300, 512), 0, 0),
            check(size(256, 512), 0, 768),
            check(size(4096, 99_000), 0, 0),
            check(size(64_000, 10), 0, 0),
        ]
        .map(|result| {
            result.map_or_else(|none| format!("{} ({})", none.message, none.help), |s| format!("{s:?}"))
        });
        insta::assert_snapshot!(lines.join("\n"));
    }

    proptest! {
        #[test]
        fn the_smallest_size_holds_the_containers_and_nothing_smaller_does(
            cpu in 0_u32..20_000, memory in 0_u32..140_000,
        ) {
            let holds = |size: &TaskSize| size.cpu >= cpu && size.memory >= memory;
            match smallest(cpu, memory) {
                Ok(found) => {
                    prop_assert!(holds(&found));
                    prop_assert_eq!(check(found, cpu, memory), Ok(found));
                    for other in fargate_sizes().filter(holds) {
                        prop_assert!((found.cpu, found.memory) <= (other.cpu, other.memory));
                    }
                }
                Err(_) => prop_assert!(!fargate_sizes().any(|size| holds(&size))),
            }
        }

        #[test]
        fn a_refused_size_comes_with_valid_ones(cpu in 0_u32..20_000, memory in 0_u32..140_000) {
            let asked = size(cpu, memory);
            prop_assume!(!fargate_sizes().any(|valid| valid == asked));
            let near = nearest(asked);
            prop_assert!(!near.is_empty());
            prop_assert!(near.iter().all(|near| check(*near, 0, 0).is_ok()));
        }
    }
}
