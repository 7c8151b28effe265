//! Shapes of graphs.

/// A shape of a graph, in any size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No edges.
    Independent,
    /// Each step takes a value from the one before.
    Chain,
    /// Each step takes a value from four earlier ones.
    Random,
    /// Each step takes a value from two of the layer before, which are a thousand.
    Layered,
    /// One step, two that take its value, one that takes theirs, and so on.
    Diamond,
    /// Services as stacks have them: five steps each, shared credentials and a shared cluster, a step that tidies up.
    Stack,
}

impl Shape {
    pub(crate) const ALL: [Self; 6] =
        [Self::Independent, Self::Chain, Self::Random, Self::Layered, Self::Diamond, Self::Stack];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Independent => "independent",
            Self::Chain => "chain",
            Self::Random => "random",
            Self::Layered => "layered",
            Self::Diamond => "diamond",
            Self::Stack => "stack",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|shape| shape.name() == name)
    }

    /// The steps from which each of so many takes a value, all of them earlier ones.
    pub(crate) fn edges(self, nodes: usize) -> Vec<Vec<usize>> {
        let mut chance = 1;
        (0..nodes).map(|node| self.before(node, &mut chance)).collect()
    }

    fn before(self, node: usize, chance: &mut u64) -> Vec<usize> {
        match self {
            Self::Independent => Vec::new(),
            Self::Chain => node.checked_sub(1).into_iter().collect(),
            Self::Random => {
                let mut before: Vec<usize> = Vec::new();
                while before.len() < node.min(4) {
                    *chance = chance
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    let one = (*chance >> 33) as usize % node;
                    if !before.contains(&one) {
                        before.push(one);
                    }
                }
                before
            }
            Self::Layered => match node.checked_sub(1000) {
                None => Vec::new(),
                Some(above) if node % 1000 == 999 => vec![above],
                Some(above) => vec![above, above + 1],
            },
            Self::Diamond => match node % 4 {
                0 => node.checked_sub(1).into_iter().collect(),
                1 => vec![node - 1],
                2 => vec![node - 2],
                _ => vec![node - 2, node - 1],
            },
            // Three credentials and a cluster; then a secret, a role, a log group, a task definition and a service.
            Self::Stack => match node.checked_sub(SHARED) {
                None => Vec::new(),
                Some(own) => {
                    let credential = own / 5 % 3;
                    match own % 5 {
                        0 | 2 => Vec::new(),
                        1 => vec![credential, node - 1],
                        3 => vec![credential, node - 2, node - 1],
                        _ => vec![CLUSTER, node - 1],
                    }
                }
            },
        }
    }

    /// The name of a step: its kind and what it is for.
    pub(crate) fn step(self, node: usize) -> (&'static str, String) {
        match self {
            Self::Stack => match node.checked_sub(SHARED) {
                None if node == CLUSTER => ("cluster", "default".to_owned()),
                None => ("credential", format!("registry-{node}")),
                Some(own) => {
                    let kinds = ["secret", "role", "log-group", "task-definition", "service"];
                    (kinds[own % 5], format!("service-{:06}", own / 5))
                }
            },
            _ => ("step", format!("{node:07}")),
        }
    }

    /// True if a last step tidies up after all others.
    pub(crate) fn has_last(self) -> bool {
        self == Self::Stack
    }
}

const CLUSTER: usize = 3;

/// The number of steps that all services share.
const SHARED: usize = 4;
