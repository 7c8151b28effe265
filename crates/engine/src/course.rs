//! The order in which a phase goes through a graph.

use longshore_graph::Graph;

/// The way in which a phase goes through a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Each step after those that it depends on.
    Forwards,
    /// Each step after those that depend on it.
    Backwards,
    /// In no order.
    Unordered,
}

/// A part of a phase: its steps begin when all steps of the earlier bands have succeeded.
pub(crate) type Band = u8;

/// The number of bands: steps that come first, the most, and steps that come last.
pub(crate) const BANDS: usize = 3;

const FIRST: Band = 0;
const MIDDLE: Band = 1;
const LAST: Band = 2;

/// The steps of a phase, by their places in the graph, and those that each one waits for.
#[derive(Debug)]
pub(crate) struct Course<'a> {
    pub(crate) graph: &'a Graph,
    way: Way,
    /// The band of each step, unless all are of the middle one.
    bands: Vec<Band>,
}

impl<'a> Course<'a> {
    /// Each step after those that it depends on, and those that come last after all others.
    pub(crate) fn forwards(graph: &'a Graph) -> Self {
        let bands = match graph.last() {
            [] => Vec::new(),
            _ => graph.nodes().map(|node| if node.is_last { LAST } else { MIDDLE }).collect(),
        };
        Self { graph, way: Way::Forwards, bands }
    }

    /// Each step after those that depend on it. Those that tidy up come last here, too, in the order that they have among
    /// themselves; those that are marked for it come before everything else, and wait for nothing.
    pub(crate) fn backwards(graph: &'a Graph) -> Self {
        let bands = graph.nodes().map(|node| match (node.is_removed_first, node.is_last) {
            (true, _) => FIRST,
            (false, true) => LAST,
            (false, false) => MIDDLE,
        });
        let mut bands: Vec<_> = bands.collect();
        if bands.iter().all(|&band| band == MIDDLE) {
            bands = Vec::new();
        }
        Self { graph, way: Way::Backwards, bands }
    }

    /// All steps at once.
    pub(crate) const fn unordered(graph: &'a Graph) -> Self {
        Self { graph, way: Way::Unordered, bands: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.graph.len()
    }

    pub(crate) fn band(&self, place: usize) -> Band {
        self.bands.get(place).copied().unwrap_or(MIDDLE)
    }

    /// The number of steps of each band.
    pub(crate) fn sizes(&self) -> [usize; BANDS] {
        let mut sizes = [0; BANDS];
        if self.bands.is_empty() {
            sizes[usize::from(MIDDLE)] = self.len();
        }
        self.bands.iter().for_each(|&band| sizes[usize::from(band)] += 1);
        sizes
    }

    /// The steps of a band.
    pub(crate) fn members(&self, band: Band) -> impl DoubleEndedIterator<Item = usize> {
        let all = if self.bands.is_empty() && band != MIDDLE { 0 } else { self.len() };
        (0..all).filter(move |&place| self.band(place) == band)
    }

    /// The steps of a band, each after those that wait for it.
    pub(crate) fn reversed(&self, band: Band) -> impl Iterator<Item = usize> {
        // The places are in the graph's order.
        let (mut descending, mut ascending) = (None, None);
        match self.goes_forwards(band) {
            true => descending = Some(self.members(band).rev()),
            false => ascending = Some(self.members(band)),
        }
        descending.into_iter().flatten().chain(ascending.into_iter().flatten())
    }

    fn goes_forwards(&self, band: Band) -> bool {
        self.way == Way::Forwards || band == LAST
    }

    /// The steps of the same band that wait for this one.
    pub(crate) fn waiting_for(&self, place: usize) -> impl Iterator<Item = usize> {
        let band = self.band(place);
        let all = match self.way {
            Way::Unordered => &[],
            _ if band == FIRST => &[],
            _ if self.goes_forwards(band) => self.graph.dependents_of(place),
            _ => self.graph.dependencies_of(place),
        };
        self.in_band(all, band)
    }

    /// The number of steps of the same band that this one waits for.
    pub(crate) fn waits_for(&self, place: usize) -> usize {
        let band = self.band(place);
        let all = match self.way {
            Way::Unordered => return 0,
            _ if band == FIRST => return 0,
            _ if self.goes_forwards(band) => self.graph.dependencies_of(place),
            _ => self.graph.dependents_of(place),
        };
        if self.bands.is_empty() { all.len() } else { self.in_band(all, band).count() }
    }

    fn in_band(&self, places: &'a [u32], band: Band) -> impl Iterator<Item = usize> {
        let is_one = self.bands.is_empty();
        let places = places.iter().map(|&place| place as usize);
        places.filter(move |&place| is_one || self.bands[place] == band)
    }
}
