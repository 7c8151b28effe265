//! Others that run graphs: dagx, a tokio `JoinSet`, and Kahn's algorithm alone.

use std::time::Duration;

use cpu_time::ProcessTime;
use dagx::{DagRunner, TaskHandle, task_fn};
use tokio::task::JoinSet;

/// Declares steps that add up their inputs and one with dagx, and runs them. Returns the last step's sum.
pub(crate) async fn dagx(edges: &[Vec<usize>]) -> i64 {
    let dag = DagRunner::new();
    let mut handles: Vec<TaskHandle<i64>> = Vec::with_capacity(edges.len());
    for before in edges {
        let handle = match before[..] {
            [] => (&dag.add_task(task_fn(|_: ()| async { 1 }))).into(),
            [a] => dag.add_task(task_fn(|a: i64| async move { a + 1 })).depends_on(&handles[a]),
            [a, b] => dag
                .add_task(task_fn(|(a, b): (i64, i64)| async move { a + b + 1 }))
                .depends_on((&handles[a], &handles[b])),
            [a, b, c] => dag
                .add_task(task_fn(|(a, b, c): (i64, i64, i64)| async move { a + b + c + 1 }))
                .depends_on((&handles[a], &handles[b], &handles[c])),
            [a, b, c, d] => dag
                .add_task(task_fn(|(a, b, c, d): (i64, i64, i64, i64)| async move {
                    a.wrapping_add(b).wrapping_add(c).wrapping_add(d).wrapping_add(1)
                }))
                .depends_on((&handles[a], &handles[b], &handles[c], &handles[d])),
            _ => unreachable!("no shape has more inputs"),
        };
        handles.push(handle);
    }
    dag.run(|work| drop(tokio::spawn(work))).await.expect("nothing fails");
    let sum = handles.last().and_then(|&last| dag.get(last).ok());
    sum.expect("the last step yields a number")
}

/// The edges as Kahn's algorithm needs them.
pub(crate) struct Csr {
    offsets: Vec<u32>,
    dependents: Vec<u32>,
    waits_for: Vec<u32>,
}

impl Csr {
    pub(crate) fn new(edges: &[Vec<usize>]) -> Self {
        let mut offsets = vec![0_u32; edges.len() + 1];
        for &before in edges.iter().flatten() {
            offsets[before + 1] += 1;
        }
        for node in 1..offsets.len() {
            offsets[node] += offsets[node - 1];
        }
        let mut next = offsets.clone();
        let mut dependents = vec![0; edges.iter().map(Vec::len).sum()];
        for (node, before) in edges.iter().enumerate() {
            for &before in before {
                dependents[next[before] as usize] = node as u32;
                next[before] += 1;
            }
        }
        let waits_for = edges.iter().map(|before| before.len() as u32).collect();
        Self { offsets, dependents, waits_for }
    }

    fn sources(&self) -> Vec<u32> {
        (0..self.waits_for.len() as u32).filter(|&node| self.waits_for[node as usize] == 0).collect()
    }

    /// Lets those go that waited for `node` alone.
    fn end(&mut self, node: u32, mut ready: impl FnMut(u32)) {
        let node = node as usize;
        for at in self.offsets[node]..self.offsets[node + 1] {
            let dependent = self.dependents[at as usize];
            self.waits_for[dependent as usize] -= 1;
            if self.waits_for[dependent as usize] == 0 {
                ready(dependent);
            }
        }
    }
}

/// Kahn's algorithm: the order, and nothing is run.
pub(crate) fn kahn(edges: &[Vec<usize>]) -> Duration {
    let mut csr = Csr::new(edges);
    let began = ProcessTime::now();
    let mut order = csr.sources();
    let mut at = 0;
    while at < order.len() {
        let node = order[at];
        csr.end(node, |ready| order.push(ready));
        at += 1;
    }
    let took = began.elapsed();
    assert_eq!(order.len(), edges.len());
    took
}

/// A task for each node, begun when those before it have ended.
pub(crate) async fn join_set(edges: &[Vec<usize>], yields: bool) -> Duration {
    let mut csr = Csr::new(edges);
    let began = ProcessTime::now();
    let mut tasks = JoinSet::new();
    let work = |node: u32| async move {
        if yields {
            tokio::task::yield_now().await;
        }
        node
    };
    for node in csr.sources() {
        tasks.spawn(work(node));
    }
    let mut ended = 0;
    while let Some(node) = tasks.join_next().await {
        ended += 1;
        csr.end(node.expect("nothing panics"), |ready| drop(tasks.spawn(work(ready))));
    }
    let took = began.elapsed();
    assert_eq!(ended, edges.len());
    took
}
