//! Pairs of stacks, the second of which is a mixture of the first and another one.

use std::collections::BTreeMap;

use proptest::{
    collection::btree_map,
    option::of,
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

use super::declaration::{
    Container, DAYS, Declaration, Image, Managed, PERCENTS, REGISTRIES, Registry, Role, SERVICES, SIZES,
    Service, Store, TEAMS, Variable,
};

/// The end of a pair of stacks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    /// The stack that runs is removed.
    Destroyed,
    /// It is removed with the other one's configuration.
    DestroyedAsOther,
    /// The deploy of the other one is broken off after so many steps, and then the other one is removed.
    BrokenOff(usize),
}

/// The course of a stack.
#[derive(Clone, Debug)]
pub(super) struct Trip {
    pub(super) from: Declaration,
    pub(super) to: Declaration,
    pub(super) ending: Ending,
}

pub(super) fn trips() -> impl Strategy<Value = Trip> {
    let picks = prop::collection::vec(any::<bool>(), 64);
    (declarations(), declarations(), picks, endings()).prop_map(|(from, other, picks, ending)| {
        let to = Mixer { picks: picks.into_iter().cycle() }.declaration(&from, &other);
        Trip { from, to, ending }
    })
}

/// The trip of a seed, without tasks.
pub(super) fn trip_of(seed: u8) -> Trip {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let Trip { from, to, ending } = trips().new_tree(&mut runner).unwrap().current();
    Trip { from: from.without_tasks(), to: to.without_tasks(), ending }
}

fn endings() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Destroyed),
        Just(Ending::DestroyedAsOther),
        (0_usize..12).prop_map(Ending::BrokenOff),
    ]
}

fn index(of: usize) -> impl Strategy<Value = usize> {
    any::<Index>().prop_map(move |index| index.index(of))
}

fn declarations() -> impl Strategy<Value = Declaration> {
    let services = btree_map(select(SERVICES.to_vec()), services(), 1..=3);
    let registry =
        || (index(2), any::<bool>()).prop_map(|(user, names_secret)| Registry { user, names_secret });
    let registries = [registry(), registry(), registry(), registry()];
    (stores(), of(index(2)), registries, services).prop_map(
        |(store, parameters_key, registries, services)| Declaration {
            store,
            parameters_key,
            registries,
            services,
        },
    )
}

fn stores() -> impl Strategy<Value = Store> {
    let window = of(select(vec![7, 30]));
    (any::<bool>(), of(index(2)), window, of(index(TEAMS.len())), of(any::<bool>())).prop_map(
        |(other_prefix, key, recovery_window, team, replicates)| Store {
            other_prefix,
            key,
            recovery_window,
            team,
            replicates,
        },
    )
}

fn services() -> impl Strategy<Value = Service> {
    let placed = (0_usize..3, 0_u32..3, any::<bool>(), of(index(SIZES.len())), of((index(2), any::<bool>())));
    let rolled_out = (of((any::<bool>(), index(DAYS.len()))), index(PERCENTS.len()), of(any::<bool>()));
    let containers = btree_map(any::<bool>(), containers(), 1..=2);
    (placed, of((index(2), any::<bool>())), roles(), rolled_out, containers).prop_map(
        |(
            (cluster, desired_count, arm, size, network),
            task_role,
            role,
            (logs, percents, breaker),
            containers,
        )| Service {
            cluster,
            desired_count,
            arm,
            size,
            network,
            task_role,
            role,
            logs,
            percents,
            breaker,
            containers,
        },
    )
}

fn roles() -> impl Strategy<Value = Role> {
    let managed = select(vec![Managed::ByDefault, Managed::Own, Managed::Both]);
    (any::<bool>(), of(index(2)), managed, any::<bool>())
        .prop_map(|(named, boundary, managed, any_deputy)| Role { named, boundary, managed, any_deputy })
}

fn containers() -> impl Strategy<Value = Container> {
    let images = prop_oneof![4 => index(REGISTRIES.len()).prop_map(Image::Private), 1 => Just(Image::Public), 1 => Just(Image::Ecr)];
    let variable = prop_oneof![
        index(2).prop_map(Variable::Secret),
        index(2).prop_map(Variable::Parameter),
        index(2).prop_map(Variable::Kept),
    ];
    let sizes = (select(vec![128_u32, 256]), of(Just(64_u32)));
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let environment = btree_map(select(vec!["LEVEL", "MODE"]), index(2), 0..=2);
    let secrets = btree_map(select(vec!["API_KEY", "DATABASE_URL"]), variable, 0..=2);
    (images, index(2), sizes, flags, environment, secrets).prop_map(
        |(image, tag, (memory, cpu), (port, essential, command), environment, secrets)| Container {
            image,
            tag,
            memory,
            cpu,
            port,
            essential,
            command,
            environment,
            secrets,
        },
    )
}

/// Takes part after part from one of two stacks: from the first one, as far as a failing pair can be made simpler.
struct Mixer<I> {
    picks: I,
}

impl<I: Iterator<Item = bool>> Mixer<I> {
    fn one<T: Clone>(&mut self, from: &T, other: &T) -> T {
        if self.picks.next() == Some(true) { other.clone() } else { from.clone() }
    }

    /// Of a part that only one of them has, it is chosen whether it is there. Empty only where both are.
    fn map<K: Copy + Ord, V: Clone>(
        &mut self,
        from: &BTreeMap<K, V>,
        other: &BTreeMap<K, V>,
        mix: impl Fn(&mut Self, &V, &V) -> V,
    ) -> BTreeMap<K, V> {
        let mut mixed = BTreeMap::new();
        for key in from.keys().chain(other.keys().filter(|key| !from.contains_key(*key))) {
            let part = match (from.get(key), other.get(key)) {
                (Some(one), Some(another)) => Some(mix(self, one, another)),
                (one, another) => self.one(&one.cloned(), &another.cloned()),
            };
            mixed.extend(part.map(|part| (*key, part)));
        }
        if mixed.is_empty() { from.clone() } else { mixed }
    }

    fn declaration(&mut self, from: &Declaration, other: &Declaration) -> Declaration {
        Declaration {
            store: Store {
                other_prefix: self.one(&from.store.other_prefix, &other.store.other_prefix),
                key: self.one(&from.store.key, &other.store.key),
                recovery_window: self.one(&from.store.recovery_window, &other.store.recovery_window),
                team: self.one(&from.store.team, &other.store.team),
                replicates: self.one(&from.store.replicates, &other.store.replicates),
            },
            parameters_key: self.one(&from.parameters_key, &other.parameters_key),
            registries: self.one(&from.registries, &other.registries),
            services: self.map(&from.services, &other.services, Self::service),
        }
    }

    fn service(&mut self, from: &Service, other: &Service) -> Service {
        Service {
            cluster: self.one(&from.cluster, &other.cluster),
            desired_count: self.one(&from.desired_count, &other.desired_count),
            arm: self.one(&from.arm, &other.arm),
            size: self.one(&from.size, &other.size),
            network: self.one(&from.network, &other.network),
            task_role: self.one(&from.task_role, &other.task_role),
            role: Role {
                named: self.one(&from.role.named, &other.role.named),
                boundary: self.one(&from.role.boundary, &other.role.boundary),
                managed: self.one(&from.role.managed, &other.role.managed),
                any_deputy: self.one(&from.role.any_deputy, &other.role.any_deputy),
            },
            logs: self.one(&from.logs, &other.logs),
            percents: self.one(&from.percents, &other.percents),
            breaker: self.one(&from.breaker, &other.breaker),
            containers: self.map(&from.containers, &other.containers, Self::container),
        }
    }

    fn container(&mut self, from: &Container, other: &Container) -> Container {
        Container {
            image: self.one(&from.image, &other.image),
            tag: self.one(&from.tag, &other.tag),
            memory: self.one(&from.memory, &other.memory),
            cpu: self.one(&from.cpu, &other.cpu),
            port: self.one(&from.port, &other.port),
            essential: self.one(&from.essential, &other.essential),
            command: self.one(&from.command, &other.command),
            environment: self.map(&from.environment, &other.environment, Self::one),
            secrets: self.map(&from.secrets, &other.secrets, Self::one),
        }
    }
}
